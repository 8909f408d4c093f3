"""The group of commands, each imported only when it is called, and the one place where errors become exit codes."""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import click

from smarter import __version__
from smarter.cli.terminal import escaping_streams
from smarter.errors import SmarterError

COMMANDS = {
    "app": ("smarter.cli.serving:app", "Open the app on this terminal, as smarter alone does."),
    "run": ("smarter.cli.running:run", "Run a scenario: encrypted readings in, bills and demand out."),
    "bills": ("smarter.cli.reporting:bills", "Print the bills of a finished run."),
    "demand": ("smarter.cli.reporting:demand", "Print the neighbourhood's demand of a finished run."),
    "follow": ("smarter.cli.following:follow", "Follow one reading hop by hop, and who can read it where."),
    "readings": ("smarter.cli.looking:readings", "Show what a scenario's sources hold: span, gaps, totals."),
    "convert": ("smarter.cli.converting:convert", "Write one meter's readings as CSV, JSON or Green Button."),
    "bench": ("smarter.cli.benching:bench", "Measure operations, a scenario's stages, the brief's way beside ours."),
    "serve": ("smarter.cli.serving:serve", "Show the app in a browser."),
    "validate": ("smarter.cli.looking:validate", "Check a scenario without touching its data."),
    "schema": ("smarter.cli.looking:schema", "Print the JSON Schema of scenarios or of result.json."),
    "plugins": ("smarter.cli.looking:plugins", "List plugins, or show one's options."),
    "customer": ("smarter.cli.customer:customer", "A customer's account: own readings and bills."),
    "operator": ("smarter.cli.operator:operator", "Operators of the MDMS: accounts, roles, bills and demand."),
    "grants": ("smarter.cli.grants:grants", "What customers have granted to third parties: keys, reading, delivery."),
    "keys": ("smarter.cli.keys:keys", "List, rotate, share, lock and export keys."),
    "audit": ("smarter.cli.audit:audit", "Show, verify and anchor the log of who did what."),
    "state": ("smarter.cli.looking:state", "Show where everything of a scenario lies."),
}


class _Commands(click.Group):
    """Knows its commands by name and import path, so that ``--help`` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name][0].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f"did you mean {near[0]}" if near else f"there are {', '.join(COMMANDS)}"
            raise click.UsageError(f"there is no command {args[0]}, {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExamples:\n  smarter run quickstart\n  smarter follow quickstart --meter apt3 --at '2016-01-05 17:52'",
)
@click.version_option(__version__, prog_name="smarter")
@click.option("--debug", is_flag=True, expose_value=False, help="On an error, print the traceback too.")
@click.pass_context
def smarter(ctx: click.Context) -> None:
    """Privacy-preserving smart metering that runs for real.

    Meters seal readings, a concentrator relays them, the PES re-encrypts and adds them without opening the sums, the
    releaser opens what the rules pass, the MDMS bills. SCENARIO is a YAML file or the name of a shipped one.

    Without a command, on a terminal, the app opens.
    """
    if ctx.invoked_subcommand is None:
        from smarter.cli.serving import on_terminal, open_app

        if on_terminal():
            open_app()
        else:
            click.echo(ctx.get_help())


def main() -> NoReturn:
    """Run the command line and exit with the documented code."""
    debug = "--debug" in sys.argv
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who called us
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - open until the process ends
        if isinstance(stream := getattr(sys, name), io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an old code page has no ─ or Σ
    with escaping_streams():
        try:
            code = _carry_out(sys.argv[1:])
            sys.stdout.flush()
        except BaseException as error:  # noqa: BLE001 - the one place where errors become exit codes
            if debug and not isinstance(error, SystemExit | click.exceptions.Exit):
                traceback.print_exc()
            code = exit_code(error)
    raise SystemExit(code)


def _carry_out(arguments: list[str]) -> int:
    """As click's own ``main`` does, which would make an error of it when nobody reads our output any more."""
    if instruction := os.environ.get("_SMARTER_COMPLETE"):
        from click.shell_completion import shell_complete

        return shell_complete(smarter, {}, "smarter", "_SMARTER_COMPLETE", instruction)
    with smarter.make_context("smarter", arguments) as context:
        smarter.invoke(context)
    return 0


def exit_code(error: BaseException) -> int:
    """Say on standard error what happened, in one sentence, and return the exit code for it."""
    if isinstance(error, SystemExit):
        # rich, too, makes an error of it when nobody reads its output any more.
        unread = isinstance(error.__context__, BrokenPipeError)
        return 0 if unread else error.code if isinstance(error.code, int) else 1
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt | click.Abort):
        click.echo("", err=True, nl=sys.stderr.isatty())  # below the ^C
        return _say(f"interrupted; {_again()}.", 130)
    if isinstance(error, BrokenPipeError):
        # Whoever read our output has had enough; let Python's own flush at exit go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, click.ClickException):
        return _say(_usage(error), 2)
    if isinstance(error, SmarterError):
        return _say(str(error), error.exit_code)
    if isinstance(error, OSError):
        return _machine(error)
    if isinstance(error, MemoryError):
        return _say("out of memory; run fewer meters or a shorter span at a time.", 6)
    sentence = f"a bug: {type(error).__name__}: {error}; run again with --debug and report what it prints."
    return _say(sentence, 1)


def _usage(error: click.ClickException) -> str:
    """A sentence of ours from one of click's."""
    context = getattr(error, "ctx", None)
    said = " ".join(error.format_message().split())
    said = said.replace(". Did you mean", ", did you mean").replace(". Choose from:", ", one of").rstrip(".?")
    command = context.command_path if context else " ".join(["smarter", *(set(sys.argv[1:2]) & set(COMMANDS))])
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and isinstance(error.ctx.command, click.Group):
        said = f"{command} needs one of {', '.join(error.ctx.command.list_commands(error.ctx))}"
    return f"{said[:1].lower()}{said[1:]}; see `{command} --help`."


def _machine(error: OSError) -> int:
    where = f" ({error.filename})" if error.filename else ""
    elsewhere = "choose another folder with --state or --out"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return _say(f"the disk is full{where}; make room, and {_again()}.", 6)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return _say(f"no permission{where}; {elsewhere}.", 6)
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return _say(f"there is a file where a folder should be{where}; {elsewhere}.", 6)
    return _say(f"the system refuses{where}: {error.strerror or error}; when that is mended, {_again()}.", 6)


def _again() -> str:
    """How what was stopped goes on."""
    command = "the same command"
    if "--fresh" in sys.argv:
        command += " without --fresh"
    return f"{command} takes the run up where it was" if "run" in sys.argv[1:2] else f"give {command} again"


def _say(sentence: str, code: int) -> int:
    with contextlib.suppress(BrokenPipeError):  # nobody reads it
        click.echo(f"smarter: {sentence}", err=True)
    return code
