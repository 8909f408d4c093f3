"""YAML as the loader reads it: plain values with lines, and nothing that could cost or construct more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarter.scenario.document import Unreadable, read_document, read_value


def test_values_are_plain_and_every_field_knows_its_line() -> None:
    document = read_document("a: 2016-01-01\nb:\n  c: [1, 0x10, 1.5]\n  d: 22:00\n# note\ne: [{f: yes}, ~]\n", "x.yaml")
    assert document.tree == {
        "a": "2016-01-01",
        "b": {"c": [1, 16, 1.5], "d": "22:00"},
        "e": [{"f": "yes"}, None],
    }
    assert document.lines[("b", "d")] == 4
    assert document.lines[("e", 0, "f")] == 6


def test_the_old_yaml_dialect_does_not_turn_a_time_of_day_into_a_number() -> None:
    assert read_document("%YAML 1.1\n---\nhours: 22:00\n", "x").tree == {"hours": "22:00"}


def test_aliases_and_merges_are_read_and_what_stands_there_wins() -> None:
    text = "base: &base {a: 1, b: 2}\none:\n  <<: *base\n  b: 3\n"
    document = read_document(text, "x")
    assert document.tree["one"] == {"a": 1, "b": 3}
    assert document.lines[("one", "b")] == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "x.yaml: is empty; a scenario begins with 'version: 1'."),
        ("- a", "x.yaml: holds ['a'], not keys; a scenario begins with 'version: 1'."),
        ("a: 1\nb: 2\na: 3\n", "x.yaml line 3, a: stands here a second time; keep one."),
        ("a: 1\nb: [\n", "x.yaml line 2: has a [ that is never closed; add ]."),
        (
            "a: !!python/object/apply:os.system [echo]",
            "x.yaml line 1, a: has the tag !!python/object/apply:os.system; a scenario holds only plain values.",
        ),
        ("a: 1\n2: b\n", "x.yaml line 2: has the key 2, which is no text; put it in quotes."),
        ("a: &a [*a]", "x.yaml line 1, a: repeats or nests too much; a scenario is small."),
        (
            "a: 1\n---\nb: 1\n",
            "x.yaml line 2: begins a second document with '---'; a scenario is one. Remove the line.",
        ),
    ],
)
def test_what_is_no_scenario_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(Unreadable) as raised:
        read_document(text, "x.yaml")
    assert str(raised.value) == said


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: {b: 1, c: 2\nd: 3\ne: 4\n", 1, "has a { that is never closed; add }."),
        ("a: [1, 2\n# more\nb: 3\n", 1, "has a [ that is never closed; add ]."),
        ("a: {b: 1\n\n\n", 1, "has a { that is never closed; add }."),
        ("a: {b: 1 c: 2}\n", 1, "lacks a comma between two values of { … }."),
        ("version 1\nname: x\n", 1, "has no colon; write 'key: value'."),
        ("a: 1\n# so\nversion 1\n\nname: x\n", 3, "has no colon; write 'key: value'."),
        ("version:1\nname: x\n", 1, "lacks the space behind its colon; write 'key: value'."),
        ("a: 1\nlast\n", 2, "has no colon; write 'key: value'."),
        ('a: 1\nname: "abc\nb: 1\n', 2, 'has a " that is never closed; add the closing one.'),
        ("a:\n\tb: 1\n", 2, "is indented with a tab; use spaces."),
        ("a: b: c\n", 1, "has a second colon; put the value in quotes."),
        (
            "name: x\n  y: 3\n",
            2,
            "is indented, but the line above has a value already; indent it like that line.",
        ),
        (
            "a:\n  b: 1\n c: 2\n",
            3,
            "is indented differently from the other keys of its section; use the same number of spaces.",
        ),
        ("a: 1\n- b\n", 2, "mixes a list ('- …') and keys ('key: …') in one section; use one of them."),
        ("a: 1\nb: @x\n", 2, "has a value that begins with @; put the value in quotes."),
        ("a: *x\n", 1, "uses 'x' as an alias (*), and nothing is called so (&)."),
        ("a: }\nb: 1", 1, "has a } that nothing opens; remove it, or put the value in quotes."),
        ("a: 'it's'\n", 1, "has text behind a closing quote; put the whole value into the other kind of quotes."),
        ('a: "x\\q"\n', 1, "has a backslash in double quotes; write two of them, or use single quotes."),
        ("a: 1\nb: \a\n", 2, "has the control character U+0007; remove it."),
        ("a: !<x\n", 1, "is no YAML: while parsing a tag expected '>' but found '\\n'."),
    ],
)
def test_a_syntax_error_is_said_in_plain_words_at_the_line_of_the_mistake(text: str, line: int, said: str) -> None:
    with pytest.raises(Unreadable) as raised:
        read_document(text, "x.yaml")
    assert (raised.value.problem.line, raised.value.problem.message) == (line, said)
    assert str(raised.value) == f"x.yaml line {line}: {said}"


def test_a_bomb_of_aliases_is_refused_before_it_goes_off() -> None:
    rows = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(Unreadable, match="repeats or nests too much"):
        read_document("\n".join(rows), "x")


@given(st.text(max_size=200))
def test_any_text_at_all_is_read_or_refused_in_one_line(text: str) -> None:
    said = ""
    try:
        read_document(text, "x")
    except Unreadable as refused:
        said = str(refused)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("30", 30),
        ("true", True),
        ("{plugin: flat}", {"plugin": "flat"}),
        ("[1, 2]", [1, 2]),
        ("'30'", "30"),
        ("", None),
        ("*.csv", "*.csv"),
        ("C: drive/a #2", "C: drive/a #2"),
        ("homes #2/a.csv", "homes #2/a.csv"),
        ("{torn", "{torn"),
        ("2016-01-01", "2016-01-01"),
    ],
)
def test_a_value_from_the_command_line_is_yaml_where_that_is_meant_and_text_otherwise(text: str, value: object) -> None:
    assert read_value(text) == value
