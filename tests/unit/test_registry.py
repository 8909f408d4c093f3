"""The registry: what it takes from plugin modules, and how it survives bad ones."""

from __future__ import annotations

import importlib.metadata
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from smarter.errors import BrokenPlugin, UnknownPlugin
from smarter.registry import Listing, PluginEnded, Registry, contained, options_schema, said
from smarter.scenario import scenario_schema

GOOD = """
    from smarter.api import Store, hookimpl

    class Shelf(Store):
        name = "shelf"
        summary = "A shelf."
        def open(self, folder): raise NotImplementedError

    @hookimpl
    def register_stores(register):
        register(Shelf)
"""


@pytest.fixture
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes a registry of plugin modules given as name and source."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(**modules: str) -> Registry:
        points = []
        for name, source in modules.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
            monkeypatch.delitem(sys.modules, name, raising=False)
            points.append(importlib.metadata.EntryPoint(name, name, "smarter.plugins"))
        return Registry(points)

    return make


def broken(registry: Registry) -> list[Listing]:
    return [listing for listing in registry.listings() if listing.error is not None]


def test_a_registered_class_is_listed_and_handed_out(plugged) -> None:
    registry = plugged(good=GOOD)
    (listing,) = registry.listings()
    assert (listing.kind, listing.name, listing.summary, listing.error) == ("store", "shelf", "A shelf.", None)
    assert listing.capabilities == {"comfortable_records": None}
    assert registry.names("store") == ("shelf",)
    assert registry.get("store", "shelf").__name__ == "Shelf"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit('done')", "GeneratorExit: done"),
        ("class Stop(BaseException): ...\nraise Stop('all of it')", "Stop: all of it"),
        ("import pytest; pytest.exit('enough')", "Exit: enough"),
        ("import pytest; pytest.skip('not here', allow_module_level=True)", "Skipped: not here"),
        ("raise BaseExceptionGroup('two', [KeyboardInterrupt(), SystemExit(0)])", "BaseExceptionGroup: two"),
        ("class Mute(BaseException):\n    def __str__(self): raise SystemExit\nraise Mute", "Mute"),
        ("import a_module_that_is_nowhere", "ModuleNotFoundError: No module named 'a_module_that_is_nowhere'"),
        ("this is no python", "SyntaxError: invalid syntax"),
        ("def register_stores(register): ...", "bad has no hook"),
    ],
)
def test_a_module_that_cannot_be_loaded_is_listed_and_breaks_nothing(plugged, source: str, error: str) -> None:
    registry = plugged(bad=source, good=GOOD)
    (listing,) = broken(registry)
    assert (listing.kind, listing.name) == ("?", "bad")
    assert listing.error is not None
    assert listing.error.startswith(error)
    assert registry.names("store") == ("shelf",)
    with pytest.raises(BrokenPlugin, match=r"the store 'bad' .* is broken"):
        registry.get("store", "bad")


def test_a_hook_that_raises_keeps_what_it_registered_before_and_spares_the_others(plugged) -> None:
    registry = plugged(
        half=GOOD
        + """
        raise SystemExit("gone")

    @hookimpl
    def register_sources(register):
        raise KeyError("columns")
""",
    )
    assert registry.names("store") == ("shelf",)
    assert [listing.error for listing in broken(registry)] == [
        "its hook register_stores raised SystemExit: gone",
        "its hook register_sources raised KeyError: 'columns'",
    ]


@pytest.mark.parametrize("raised", ["SystemExit(0)", "KeyboardInterrupt", "BaseException('all of it')"])
def test_a_hook_or_a_class_that_raises_anything_at_all_breaks_nothing_else(plugged, raised: str) -> None:
    hook = f"from smarter.api import hookimpl\n@hookimpl\ndef register_stores(register): raise {raised}"
    asked = (
        textwrap.dedent(GOOD)
        .replace("shelf", "asked")
        .replace("    def open", f"    @classmethod\n    def capabilities(cls): raise {raised}\n    def open")
    )
    registry = plugged(hook=hook, asked=asked, good=GOOD)
    assert len(broken(registry)) == 2
    assert registry.names("store") == ("shelf",)


@pytest.mark.parametrize("caught", ["Exception", "BaseException"])
def test_a_users_ctrl_c_interrupts_also_a_plugin_that_catches_it(plugged, caught: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        plugged(slow=f"import signal\ntry: signal.raise_signal(signal.SIGINT)\nexcept {caught}: pass", good=GOOD)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_code_of_a_plugin_that_raises_anything_at_all_raises_an_exception() -> None:
    for raised in (SystemExit(0), KeyboardInterrupt(), GeneratorExit()):
        with pytest.raises(PluginEnded) as ended, contained():
            raise raised
        assert said(ended.value) == f"{type(raised).__name__}{': 0' if isinstance(raised, SystemExit) else ''}"
    with pytest.raises(KeyboardInterrupt), contained():
        signal.raise_signal(signal.SIGINT)


def test_a_misspelt_hook_is_reported_with_the_right_spelling(plugged) -> None:
    registry = plugged(
        typo="""
        from smarter.api import hookimpl

        @hookimpl
        def register_cyphers(register): ...
        """
    )
    (listing,) = broken(registry)
    assert listing.error == "typo has a hook register_cyphers that smarter does not know; did you mean register_ciphers"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("name = 'half'", "it does not implement open"),
        ("name = 'Upper Case'\n    def open(self, folder): ...", "its name 'Upper Case' is not lower-case words"),
        ("def open(self, folder): ...", "its name None is not lower-case words"),
        ("name = 'odd'\n    kind = 'shop'\n    def open(self, folder): ...", "its kind is 'shop'"),
        ("name = 'odd'\n    Options = dict\n    def open(self, folder): ...", "its Options is no subclass"),
        (
            "name = 'odd'\n    def open(self, folder): ...\n    @classmethod\n    def capabilities(cls): 1 / 0",
            "ZeroDivisionError",
        ),
    ],
)
def test_a_class_that_breaks_its_kinds_contract_is_listed_and_refused(plugged, body: str, error: str) -> None:
    source = f"""
from smarter.api import Store, hookimpl

class Odd(Store):
    {body}

@hookimpl
def register_stores(register):
    register(Odd)
"""
    registry = plugged(odd=source, good=GOOD)
    (listing,) = broken(registry)
    assert listing.kind == "store"
    assert listing.error is not None
    assert listing.error.startswith(error)
    assert registry.names("store") == ("shelf",)
    with pytest.raises(BrokenPlugin):
        registry.get("store", listing.name)


def test_the_first_of_two_plugins_keeps_the_name(plugged) -> None:
    registry = plugged(one=GOOD, two=GOOD)
    (listing,) = broken(registry)
    assert listing.error is not None
    assert "has registered a store of the name 'shelf' before" in listing.error
    assert registry.get("store", "shelf").__module__ == "one"


def test_an_unknown_plugin_is_answered_with_those_there_are(plugged) -> None:
    registry = plugged(good=GOOD, lost="raise ValueError")
    with pytest.raises(UnknownPlugin) as raised:
        registry.get("store", "shelv")
    assert str(raised.value) == (
        "there is no store 'shelv'; did you mean 'shelf'? There are shelf; "
        "broken, so not among them: lost (see 'smarter plugins')."
    )
    with pytest.raises(UnknownPlugin, match=r"there is no tariff 'shelf'; there are none"):
        registry.get("tariff", "shelf")


def test_a_library_that_is_not_installed_is_named_with_the_command_and_not_imported(plugged) -> None:
    source = GOOD.replace('summary = "A shelf."', 'requires = {"json.nowhere": "x", "not_there_at_all.sub": "shelves"}')
    (listing,) = plugged(good=source).listings()
    assert listing.error is None
    assert listing.missing == (
        "not_there_at_all.sub is not installed: pip install 'smarter-metering[shelves]' brings it"
    )


def test_loading_all_shipped_plugins_imports_none_of_the_libraries_they_wrap() -> None:
    heavy = [
        "phe",
        "lightphe",
        "gmpy2",
        "paillier",
        "Crypto",
        "cryptography",
        "tinydb",
        "python_calamine",
        "richardsonpy",
        "holidays",
        "textual",
    ]
    code = (
        "import sys; from smarter.registry import registry; bad = [l for l in registry().listings() if l.error];"
        f"print(bad, sorted(set(sys.modules) & set({heavy})))"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == "[] []"


@pytest.mark.parametrize("raised", ["SystemExit(0)", "KeyError('unit')"])
def test_options_that_cannot_be_said_spare_the_schema_of_all_others(plugged, raised: str) -> None:
    mute = textwrap.dedent(GOOD).replace("shelf", "mute")
    registry = plugged(
        good=GOOD,
        mute=f"from smarter.api import PluginOptions\n{mute}\n\nclass Unsaid(PluginOptions):\n    @classmethod\n"
        f"    def model_json_schema(cls, *args, **named): raise {raised}\n\nShelf.Options = Unsaid\n",
    )
    with pytest.raises(BrokenPlugin, match="the store 'mute' cannot say its options"):
        options_schema(registry.get("store", "mute"))
    definitions = scenario_schema(registry)["$defs"]
    assert [one.get("title") for one in definitions["store"]["anyOf"]][1:] == ["store mute", "store shelf"]
