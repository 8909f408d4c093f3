"""``make test`` runs import-linter over the rooms; here: that each of its contracts can break."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

# For each contract, a module and an import that it must refuse there.
PLANTED = {
    "layers": ("smarter/model/planted.py", "import smarter.registry"),
    "parties": ("smarter/parties/concentrator.py", "from smarter.parties import pes"),
    "core": ("smarter/protocols/planted.py", "import gmpy2"),
    "cryptography": ("smarter/state/planted.py", "from cryptography.hazmat.primitives import hashes"),
    "textual": ("smarter/registry.py", "import textual.app"),
    "plotext": ("smarter/packing.py", "import plotext"),
    "test-tools": ("smarter/scenario/planted.py", "import pytest"),
    "plugins": ("plugins/smarter_plugins/ciphers/planted.py", "from smarter.errors import DataError"),
}


def lint_imports(tree: Path) -> dict[str, str]:
    """KEPT or BROKEN by the contracts' names, as import-linter finds them in ``tree``."""
    command = "from importlinter.cli import lint_imports_command as run; run()"
    found = subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--no-logo"],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tree), str(tree / "plugins")]), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    verdicts = dict(re.findall(r"^(.+?) (KEPT|BROKEN)\b", found.stdout, re.MULTILINE))
    assert verdicts, found.stdout + found.stderr
    return verdicts


@pytest.fixture
def tree(checkout: Path, tmp_path: Path) -> Path:
    """A copy of all that import-linter looks at."""
    for name in ("smarter", "plugins"):
        shutil.copytree(checkout / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(checkout / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_breaks_when_its_rule_is_broken(tree: Path) -> None:
    contracts = tomllib.loads((tree / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["id"] for contract in contracts} == set(PLANTED)
    before = lint_imports(tree)

    for place, statement in PLANTED.values():
        with (tree / place).open("a") as module:
            module.write(f"\n{statement}\n")

    assert before == {contract["name"]: "KEPT" for contract in contracts}
    assert lint_imports(tree) == {contract["name"]: "BROKEN" for contract in contracts}


def test_a_new_top_level_module_must_be_given_a_layer(tree: Path) -> None:
    (tree / "smarter" / "utils.py").touch()

    assert lint_imports(tree)["Nothing imports upward"] == "BROKEN"


@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("parties/mdms/billing.py", "from smarter.parties import customer"),
        ("parties/pes/opening.py", "from smarter.parties.customer.customer import Customer"),
        ("parties/meter/enrolment.py", "from smarter.parties.customer import Enrolling"),
        ("parties/customer/customer.py", "from smarter.parties.meter import meter"),
    ],
)
def test_no_party_reaches_the_customer_nor_the_customer_another_party(tree: Path, module: str, statement: str) -> None:
    with (tree / "smarter" / module).open("a") as opened:
        opened.write(f"\n{statement}\n")

    assert lint_imports(tree)["No party imports another party"] == "BROKEN"


def test_only_the_desk_its_commands_and_screens_open_a_customers_frames(checkout: Path) -> None:
    naming = re.compile(r"smarter\.parties\.customer\b|smarter\.parties import [^\n]*\bcustomer\b")
    found = {
        file.relative_to(checkout / "smarter").as_posix()
        for file in (checkout / "smarter").rglob("*.py")
        if naming.search(file.read_text(encoding="utf-8"))
    }
    rooms = {"parties/customer", "protocols", "cli/customer", "cli/show", "tui"}
    wording = {"charts/own_use.py"}
    assert {place for place in found if not any(place.startswith(f"{room}/") for room in rooms)} == wording
    assert {place for place in found if place.startswith("protocols/")} == {
        f"protocols/{name}.py"
        for name in ("bill_check", "customer_desk", "enrolment", "live_minutes", "own_costs", "own_use", "statements")
    }
