"""The command line. Standard output is data, standard error is for people; exit codes are those of ``errors``."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line and exit with the documented code."""
    try:
        from smarter.keys.process import keep_secrets

        keep_secrets()
        from smarter.cli.app import main as run_command
    except KeyboardInterrupt:  # before there is anything that could say so
        raise SystemExit(130) from None
    run_command()
