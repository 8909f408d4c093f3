"""What is wrong with a scenario, said to a person: field by field, with file and line and a way out.

The loader turns pydantic's errors and the cross-field checks into these, and these into one error.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from smarter.errors import BrokenPlugin, ScenarioError, SmarterError, UnknownPlugin

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from smarter.scenario.document import Document, Field

_ERRORS: Mapping[str, type[SmarterError]] = {
    "scenario": ScenarioError,
    "unknown plugin": UnknownPlugin,
    "broken plugin": BrokenPlugin,
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        line: of the file, from 1; None for what is missing altogether or was given with ``--set``.
        field: dotted, as ``--set`` takes it; empty for the file as a whole.
        message: one sentence without the place.
        place: where, for people: file, line and field, or the ``--set``.
        kind: ``scenario``, ``unknown plugin`` or ``broken plugin``.
    """

    line: int | None
    field: str
    message: str
    place: str
    kind: str = "scenario"

    def __str__(self) -> str:
        # A key or a value may hold line breaks; a sentence must not.
        return " ".join(f"{self.place}: {self.message}".splitlines())


def in_file_order(problems: Iterable[Problem]) -> list[Problem]:
    """Without repeats, by line; what has no line comes last."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.line is None, problem.line or 0))


def as_error(problems: Sequence[Problem]) -> SmarterError:
    """One error for one or more problems, a line each.

    It is a ``ScenarioError``, unless all of them are about plugins that are unknown, or that are broken.
    """
    kinds = {problem.kind for problem in problems}
    kind = kinds.pop() if len(kinds) == 1 else "scenario"
    return _ERRORS[kind]("\n".join(str(problem) for problem in problems))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean 'demand'?``, or what there is when nothing is near."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, 1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there are {', '.join(names)}." if names else "none is known here."


def problems_of_model(
    error: ValidationError, model: type[BaseModel], document: Document, prefix: Field = ()
) -> Iterator[Problem]:
    """Each field that pydantic found fault with, once; ``prefix`` leads from the document's top to the model."""
    said: dict[Field, list[str]] = {}
    for details in error.errors(include_url=False):
        path, location = _path(document, prefix, details)
        said.setdefault(path, []).append(_message(details, model, location))
    for path, messages in said.items():
        # Alternatives of a union each complain about the same field.
        yield document.problem(path, " Or: ".join(dict.fromkeys(messages)))


def _no_value(context: Mapping[str, Any], model: type[BaseModel], location: Field) -> str:
    """What to do about a field with nothing behind its colon."""
    section = _model_at(model, location[:-1])
    field = section.model_fields.get(str(location[-1])) if section and location else None
    _, _, how = str(context.get("error", "")).partition("is no duration: ")
    give = how or "give it one"
    return f"it has no value: {give}{', or leave it out' if field and not field.is_required() else ''}."


def _path(document: Document, prefix: Field, details: ErrorDetails) -> tuple[Field, Field]:
    """The field in the document, and its location in the model without tags of unions."""
    value: Any = document.tree
    for part in prefix:
        value = value[part]
    location = [part for part in details["loc"] if part != "[key]"]
    path: list[str | int] = []
    for position, part in enumerate(location):
        last = position == len(location) - 1
        inside = part in value if isinstance(value, Mapping) else isinstance(value, list) and part in range(len(value))
        if inside:
            value = value[part]
        elif not (last and details["type"] == "missing"):
            continue
        path.append(part)
    return (*prefix, *path), tuple(path)


def _message(details: ErrorDetails, model: type[BaseModel], location: Field) -> str:
    value, context = details["input"], details.get("ctx", {})
    if value is None and details["type"] not in ("missing", "extra_forbidden"):
        return _no_value(context, model, location)
    match details["type"]:
        case "extra_forbidden":
            section = _model_at(model, location[:-1])
            return f"unknown key; {did_you_mean(str(location[-1]), _keys(section))}"
        case "missing":
            section = _model_at(model, location[:-1])
            name = str(location[-1])
            field = section.model_fields.get(name) if section else None
            said = " ".join(field.description.split()) if field and field.description else ""
            return f"it is missing: {said}" if said else "it is missing."
        case "literal_error":
            choices = [word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")]
            near = difflib.get_close_matches(str(value), choices, 1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            if len(choices) == 1:
                return f"{_shown(value)} is not {context['expected']}, which is all there is."
            return f"{_shown(value)} is not {context['expected']}{hint}"
        case "model_type" | "model_attributes_type" | "dict_type" | "mapping_type":
            return f"{_shown(value)} stands where a section of keys belongs."
        case "list_type" | "tuple_type":
            return f"{_shown(value)} stands where a list belongs: give each entry a line that begins with '-'."
        case "string_type":
            return f"{_shown(value)} is no text: put it in quotes."
        case "int_type" | "int_parsing" | "int_from_float":
            return f"{_shown(value)} is no whole number."
        case "bool_type" | "bool_parsing":
            return f"{_shown(value)} is neither true nor false."
        case "decimal_parsing" | "decimal_type" | "float_parsing" | "float_type" | "finite_number":
            return f"{_shown(value)} is no number."
        case "greater_than_equal":
            return f"{_shown(value)} is too small; the least is {context['ge']}."
        case "less_than_equal":
            return f"{_shown(value)} is too large; the most is {context['le']}."
        case "too_short":
            return f"it is empty; give {context['min_length']} or more."
        case "value_error" | "assertion_error":
            text = str(context.get("error") or details["msg"])
            return text if text.endswith((".", "?")) else f"{text}."
    text = details["msg"].replace("Input should", "it should").rstrip(".")
    return f"{_shown(value)} does not fit: {text}."


def _shown(value: object) -> str:
    if isinstance(value, str):
        return repr(str(value)) if len(value) <= 60 else repr(value[:57] + "…")
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return "a section" if isinstance(value, Mapping) else f"{value}"[:60]


def _keys(section: type[BaseModel] | None) -> list[str]:
    return [field.alias or name for name, field in section.model_fields.items()] if section else []


def _model_at(annotation: Any, location: Field) -> type[BaseModel] | None:
    """The model that checks the section at ``location``, through mappings, lists and unions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not location:
            return annotation
        for name, field in annotation.model_fields.items():
            if location[0] in (name, field.alias):
                return _model_at(field.annotation, location[1:])
        return None
    origin = get_origin(annotation)
    if origin is Annotated:
        return _model_at(get_args(annotation)[0], location)
    container = isinstance(origin, type) and issubclass(origin, Mapping | Sequence)
    for argument in get_args(annotation):
        if found := _model_at(argument, location[1:] if container else location):
            return found
    return None
