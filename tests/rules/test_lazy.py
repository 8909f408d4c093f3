"""Starting ``smarter`` loads nothing heavy: asked of a fresh interpreter, where nothing is loaded yet."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "Crypto",
    "cryptography",
    "defusedxml",
    "gmpy2",
    "holidays",
    "hypothesis",
    "keyring",
    "lightphe",
    "matplotlib",
    "numpy",
    "paillier",
    "phe",
    "plotext",
    "polars",
    "pytest",
    "python_calamine",
    "rich",
    "richardsonpy",
    "shamir_mnemonic",
    "smarter_plugins",
    "textual",
    "tinydb",
}

IMPORT = "import smarter"
HELP = """
import contextlib, io
from smarter.cli import main
sys.argv = ["smarter", "--help"]
said = io.StringIO()
with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
    main()
assert "Usage" in said.getvalue(), said.getvalue()
"""

PLUGINS = """
import importlib, pkgutil
import smarter_plugins
for found in pkgutil.walk_packages(smarter_plugins.__path__, "smarter_plugins."):
    importlib.import_module(found.name)
"""


def loaded_by(does: str) -> set[str]:
    """The top-level modules that an interpreter holds after ``does``."""
    report = "\nimport json; print(json.dumps([name for name in sys.modules if '.' not in name]))"
    asked = subprocess.run([sys.executable, "-c", f"import sys\n{does}{report}"], capture_output=True, text=True)
    assert asked.returncode == 0, asked.stderr
    return set(json.loads(asked.stdout))


@pytest.mark.parametrize("does", [pytest.param(IMPORT, id="import smarter"), pytest.param(HELP, id="--help")])
def test_starting_loads_no_heavy_library(does: str) -> None:
    assert loaded_by(does) & HEAVY == set()


def test_reading_every_shipped_plugin_module_loads_no_library_that_it_wraps() -> None:
    assert loaded_by(PLUGINS) & HEAVY == {"numpy", "smarter_plugins"}
