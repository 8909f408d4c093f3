"""Finds the installed plugins and hands out their classes; the scenario room and ``smarter plugins`` call it.

Each entry point is loaded by itself, so that a broken one is listed with its error and breaks nothing else. It may
raise anything, such as SystemExit. A user's Ctrl-C still interrupts: its signal distinguishes it from a plugin's own.
"""

from __future__ import annotations

import difflib
import importlib.metadata
import importlib.util
import inspect
import re
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from types import FrameType
from typing import Any

import pluggy

import smarter.api as api
from smarter.api.hooks import ENTRY_POINT_GROUP, KINDS, PROJECT, Hooks
from smarter.api.plugin import Plugin, PluginOptions
from smarter.errors import BrokenPlugin, UnknownPlugin

DISTRIBUTION = "smarter-metering"
BASES: Mapping[str, type[Plugin]] = {
    "cipher": api.Cipher,
    "scheme": api.Scheme,
    "keywrap": api.Keywrap,
    "store": api.Store,
    "source": api.Source,
    "tariff": api.Tariff,
}
UNKNOWN_KIND = "?"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Listing:
    """One line of ``smarter plugins``.

    Attributes:
        kind: one of :data:`KINDS`; ``?`` for an entry point that failed before it named a class.
        name: what a scenario calls it; an entry point's own name where the kind is ``?``.
        version: of the distribution that it came with.
        origin: that distribution's name.
        summary: the plugin's own line.
        capabilities: what it says it can do.
        error: why it cannot be used; None when it can.
        missing: which library it lacks and the command that installs it; None when it lacks none.
    """

    kind: str
    name: str
    version: str
    origin: str
    summary: str = ""
    capabilities: Mapping[str, object] = field(default_factory=dict)
    error: str | None = None
    missing: str | None = None


class Registry:
    """All plugins of the entry points given (by default: all that are installed), loaded at once."""

    def __init__(self, entry_points: Iterable[importlib.metadata.EntryPoint] | None = None) -> None:
        if entry_points is None:
            entry_points = importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)
        self._classes: dict[tuple[str, str], type[Plugin]] = {}
        self._listings: list[Listing] = []
        for entry_point in _in_order(entry_points):
            with _interruptible():
                self._load(entry_point)
        self._listings.sort(key=_by_kind_and_name)

    def listings(self) -> tuple[Listing, ...]:
        """Every plugin and every broken entry point, by kind (in the order of ``KINDS``), then name."""
        return tuple(self._listings)

    def names(self, kind: str) -> tuple[str, ...]:
        """The usable plugins of a kind, sorted."""
        return tuple(sorted(name for of, name in self._classes if of == kind))

    def get(self, kind: str, name: str) -> type[Plugin]:
        """The class of a plugin.

        Raises:
            BrokenPlugin: it is installed, but listed with an error.
            UnknownPlugin: nobody registered it; the message names those there are.
        """
        if found := self._classes.get((kind, name)):
            return found
        broken = [listing for listing in self._listings if listing.error is not None]
        for listing in broken:
            if listing.name == name and listing.kind in (kind, UNKNOWN_KIND):
                raise BrokenPlugin(f"the {kind} {name!r} of {listing.origin} is broken: {listing.error}.")
        there = self.names(kind)
        near = difflib.get_close_matches(name, there, 1)
        hint = f"did you mean {near[0]!r}? There are" if near else "there are"
        unloaded = [listing.name for listing in broken if listing.kind == UNKNOWN_KIND]
        lost = f"; broken, so not among them: {', '.join(unloaded)} (see 'smarter plugins')" if unloaded else ""
        raise UnknownPlugin(f"there is no {kind} {name!r}; {hint} {', '.join(there) or 'none'}{lost}.")

    def _load(self, entry_point: importlib.metadata.EntryPoint) -> None:
        origin, version = _distribution(entry_point)

        def listed_as_broken(error: str) -> None:
            self._listings.append(Listing(UNKNOWN_KIND, entry_point.name, version, origin, error=error.rstrip(".")))

        hooks = pluggy.PluginManager(PROJECT)
        hooks.add_hookspecs(Hooks)
        try:
            hooks.register(entry_point.load(), entry_point.name)
        except BaseException as error:  # noqa: BLE001 - a plugin's code may raise anything
            listed_as_broken(said(error))
            return
        if not hooks.get_hookcallers(hooks.get_plugin(entry_point.name)):
            listed_as_broken(f"{entry_point.value} has no hook; decorate one of {_hook_names()} with @hookimpl")
        for misspelt in _unknown_hooks(hooks):
            near = difflib.get_close_matches(misspelt, [f"register_{kind}s" for kind in KINDS], 1)
            listed_as_broken(
                f"{entry_point.value} has a hook {misspelt} that smarter does not know; "
                + (f"did you mean {near[0]}" if near else f"there are {_hook_names()}")
            )
        for kind in KINDS:
            register = self._registrar(kind, origin, version)
            try:
                getattr(hooks.hook, f"register_{kind}s")(register=register)
            except BaseException as error:  # noqa: BLE001 - a plugin's code may raise anything
                listed_as_broken(f"its hook register_{kind}s raised {said(error)}")

    def _registrar(self, kind: str, origin: str, version: str) -> Callable[[Any], None]:
        def register(plugin: Any) -> None:
            try:
                error = self._refusal(kind, plugin)
                capabilities = {} if error else dict(plugin.capabilities())
                missing = None if error else missing_library(plugin)
            except BaseException as raised:  # noqa: BLE001 - a plugin's code may raise anything
                error, capabilities, missing = said(raised), {}, None
            name = getattr(plugin, "name", None)
            name = name if isinstance(name, str) and name else getattr(plugin, "__name__", repr(plugin))
            summary = str(getattr(plugin, "summary", ""))
            self._listings.append(Listing(kind, name, version, origin, summary, capabilities, error, missing))
            if error is None:
                self._classes[kind, name] = plugin

        return register

    def _refusal(self, kind: str, plugin: Any) -> str | None:
        """What is wrong with what a hook registered; None when nothing is."""
        base = BASES[kind]
        if not (inspect.isclass(plugin) and issubclass(plugin, base)):
            return f"{plugin!r} is no subclass of smarter.api.{base.__name__}"
        name = getattr(plugin, "name", None)
        if not (isinstance(name, str) and _NAME.fullmatch(name)):
            return f"its name {name!r} is not lower-case words joined by hyphens"
        if plugin.kind != kind:
            return f"its kind is {plugin.kind!r}, and register_{kind}s takes a {kind}"
        if not (inspect.isclass(plugin.Options) and issubclass(plugin.Options, PluginOptions)):
            return "its Options is no subclass of smarter.api.PluginOptions"
        if inspect.isabstract(plugin):
            return f"it does not implement {', '.join(sorted(getattr(plugin, '__abstractmethods__', ())))}"
        for listing in self._listings:
            if (listing.kind, listing.name) == (kind, name) and listing.error is None:
                return f"{listing.origin} has registered a {kind} of the name {name!r} before"
        return None


@cache
def registry() -> Registry:
    """The registry of what is installed, loaded once a process."""
    return Registry()


def _in_order(
    entry_points: Iterable[importlib.metadata.EntryPoint],
) -> list[importlib.metadata.EntryPoint]:
    """Smarter's own first, so that no other distribution can slip in under a shipped name."""
    distinct = {(point.name, point.value): point for point in entry_points}
    return sorted(distinct.values(), key=lambda point: (_distribution(point)[0] != DISTRIBUTION, point.name))


def _distribution(entry_point: importlib.metadata.EntryPoint) -> tuple[str, str]:
    return (entry_point.dist.name, entry_point.dist.version) if entry_point.dist else ("unknown", "")


def _unknown_hooks(hooks: pluggy.PluginManager) -> list[str]:
    return sorted(
        name
        for name, caller in vars(hooks.hook).items()
        if isinstance(caller, pluggy.HookCaller)
        and not caller.has_spec()
        and not all(implementation.optionalhook for implementation in caller.get_hookimpls())
    )


def _hook_names() -> str:
    return ", ".join(f"register_{kind}s" for kind in KINDS)


def options_schema(plugin: type[Plugin], ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
    """The JSON Schema of a plugin's options; ``ref_template``: as pydantic takes it.

    Raises:
        BrokenPlugin: what the plugin says of its options raises.
    """
    try:
        with contained():
            return plugin.Options.model_json_schema(ref_template=ref_template)
    except Exception as error:
        raise BrokenPlugin(f"the {plugin.kind} {plugin.name!r} cannot say its options: {said(error)}.") from error


def missing_library(plugin: type[Plugin]) -> str | None:
    """Which library a plugin lacks and the command that installs it; None when it lacks none. Imports nothing."""
    for module, extra in plugin.requires.items():
        # A submodule's spec cannot be found without importing its package.
        if importlib.util.find_spec(module.split(".")[0]) is None:
            return f"{module} is not installed: pip install '{DISTRIBUTION}[{extra}]' brings it"
    return None


class PluginEnded(Exception):
    """What a plugin raised that is no :class:`Exception`, such as :class:`SystemExit`; that is its cause."""


def said(error: BaseException) -> str:
    """A plugin's error in one line: its type, and the first line of its message."""
    if isinstance(error, PluginEnded) and error.__cause__ is not None:
        error = error.__cause__
    try:
        lines = str(error).strip().splitlines()
    except BaseException:  # noqa: BLE001 - a plugin's code may raise anything, here too
        lines = []
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


@contextmanager
def contained() -> Iterator[None]:
    """Call a plugin's code inside: each error of its own is an :class:`Exception`; a user's Ctrl-C passes.

    Raises:
        PluginEnded: the plugin raised something else than an :class:`Exception`.
    """
    with _interruptible():
        try:
            yield
        except Exception:
            raise
        except BaseException as error:
            raise PluginEnded from error


@contextmanager
def _interruptible() -> Iterator[None]:
    """Raise at the end what a user's Ctrl-C raised inside, also where the code inside caught it.

    All else that is raised inside is the plugin's, even a :class:`KeyboardInterrupt`. Python runs signal handlers in
    the main thread alone, so no other thread is interrupted.
    """
    handler = signal.getsignal(signal.SIGINT) if threading.current_thread() is threading.main_thread() else None
    if not callable(handler):  # another thread, or Ctrl-C is ignored
        yield
        return
    raised: list[BaseException] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        try:
            handler(number, frame)
        except BaseException as error:
            raised.append(error)
            raise

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if raised:
            raise raised[0]


def _by_kind_and_name(listing: Listing) -> tuple[int, str]:
    return (KINDS.index(listing.kind) if listing.kind in KINDS else len(KINDS), listing.name)
