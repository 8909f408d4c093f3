"""What every plugin has in common: a name, options that are checked, and stated capabilities."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Never

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from smarter.errors import MissingExtra

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass as _ModelType
else:
    _ModelType = type(BaseModel)


class _NoMethod:
    """A name that classes have by their metaclass, and models must not take for a default."""

    def __get__(self, instance: object, owner: type | None = None) -> Never:
        raise AttributeError("register")


class _OptionsType(_ModelType):
    """The metaclass of options: an option may be called ``register``, as abstract classes' own method is."""

    register = _NoMethod()


class PluginOptions(BaseModel, metaclass=_OptionsType):
    """Base of every options model: unknown keys are errors, values do not change.

    Give each field a ``Field(description=...)``: it is what ``smarter plugins show`` prints and what
    the JSON Schema and the app's forms say.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    changeable: ClassVar[frozenset[str]] = frozenset()
    """Names of options that a state does not depend on, such as bounds of input files: they may change between runs."""

    added: ClassVar[frozenset[str]] = frozenset()
    """Names of options that a later version added: left at their default, they change no state of an earlier one."""

    def without_effect(self) -> frozenset[str]:
        """Names of the options that a state of these does not depend on."""
        fields = type(self).model_fields
        return self.changeable | {name for name in self.added if getattr(self, name) == fields[name].get_default()}


class FromCommandLine(str):
    """A value given with ``--set``: as a path it is relative to the working directory."""


def _resolve(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str | Path) and str(value):
        base = Path.cwd() if isinstance(value, FromCommandLine) else (info.context or {}).get("base", Path.cwd())
        return Path(os.path.normpath(Path(base, Path(str(value)).expanduser())))
    return value


ScenarioPath = Annotated[Path, BeforeValidator(_resolve)]
"""A path in an options model: relative to the scenario file (with ``--set``: to the working directory)."""


class Plugin:
    """Base of all kinds. A subclass of a kind sets ``name`` and ``summary``, and ``Options`` if it has any.

    Attributes:
        name: what a scenario calls it; lower case, words joined by hyphens.
        summary: one line for ``smarter plugins``.
        Options: the pydantic model that its part of the scenario is checked against.
        requires: modules that must be importable for it to work, each with the extra that installs it.
        insecure_demo: whether it protects nothing and may run only where the scenario says so.
    """

    kind: ClassVar[str]
    name: ClassVar[str]
    summary: ClassVar[str] = ""
    Options: ClassVar[type[PluginOptions]] = PluginOptions
    requires: ClassVar[Mapping[str, str]] = {}
    insecure_demo: ClassVar[bool] = False

    def __init__(self, options: PluginOptions | None = None) -> None:
        self.options: Any = options if options is not None else self.Options()

    @classmethod
    def capabilities(cls) -> Mapping[str, object]:
        """What it can do, for validation and for ``smarter plugins``."""
        return {}

    def demo_reason(self) -> str | None:
        """Why these options need ``insecure_demo: true``; None when they do not."""
        return f"{self.kind} {self.name} protects nothing" if self.insecure_demo else None


def need(module: str, extra: str) -> Any:
    """Import ``module`` or raise :class:`MissingExtra` with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if error.name is None or module.split(".")[0] != error.name.split(".")[0]:
            raise
        raise MissingExtra(f"{module} is not installed: pip install 'smarter-metering[{extra}]' brings it.") from error
