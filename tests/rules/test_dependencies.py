"""Dependencies are pinned, and ``make audit`` reports advisories about the pins.

``constraints.txt`` holds the exact versions that ``make demo`` and ``make test`` install, for every Python and system.
A stand-in for pip-audit answers here. A test that asks a database fails as soon as an advisory is published.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SYSTEMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    "darwin": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    "win32": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def pins(checkout: Path) -> list[Requirement]:
    """Every line of the constraints file that pins something."""
    lines = (checkout / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.lstrip().startswith("#")]


def asked(checkout: Path) -> Iterator[Requirement]:
    """Every requirement of pyproject.toml: of the build, of the package, and of each extra."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))
    groups = [project["build-system"]["requires"], project["project"]["dependencies"]]
    groups += project["project"]["optional-dependencies"].values()
    for group in groups:
        for requirement in map(Requirement, group):
            if requirement.name != "smarter-metering":
                yield requirement


def applies(requirement: Requirement, environment: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(environment)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_every_requirement_is_pinned_once_within_its_bounds(checkout: Path, python: str, system: str) -> None:
    environment = {"python_version": python, "python_full_version": f"{python}.5", "extra": "", **SYSTEMS[system]}
    pinned: dict[str, str] = {}
    for pin in pins(checkout):
        (exact,) = pin.specifier
        assert exact.operator == "==", f"{pin}: not an exact version"
        if applies(pin, environment):
            name = canonicalize_name(pin.name)
            assert name not in pinned, f"{pin}: pinned twice for Python {python} on {system}"
            pinned[name] = exact.version
    for requirement in asked(checkout):
        if applies(requirement, environment):
            version = pinned[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), f"{requirement}: pinned to {version}; make constraints"


def test_the_constraints_name_no_host_and_no_folder(checkout: Path) -> None:
    text = (checkout / "constraints.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--" not in text
    assert " @ " not in text


# Python finds it before the real pip-audit. Its answers are the files that a test names after the services.
STAND_IN = """
import sys
from pathlib import Path

service = sys.argv[sys.argv.index("--vulnerability-service") + 1]
asked = Path(sys.argv[sys.argv.index("--requirement") + 1]).read_text()
with (Path(__file__).parent / "asked").open("a") as file:
    file.write(f"{service}: {' '.join(asked.split())}\\n")
answer = Path(__file__).parent / service
if not answer.exists():
    sys.exit("ConnectionError: no route to the database")
print(answer.read_text())
sys.exit("fix_versions" in answer.read_text())
"""

NUMPY = {"name": "numpy", "version": "2.5.5", "vulns": []}
CLICK = {"name": "click", "version": "8.5.1", "vulns": []}
NAMED = NUMPY | {"vulns": [{"id": "CVE-2099-1", "aliases": ["GHSA-x"], "fix_versions": ["2.6"], "description": "bad"}]}
SKIPPED = [{"name": name, "skip_reason": f"Dependency not found: {name}"} for name in ("numpy", "click")]


@pytest.mark.parametrize(
    ("answers", "code", "said"),
    [
        pytest.param({"pypi": [NUMPY, CLICK]}, 0, "0 named by advisories", id="none is named"),
        pytest.param({"pypi": [NAMED, CLICK]}, 1, "numpy 2.5.5: CVE-2099-1, GHSA-x; fixed in 2.6.", id="one is named"),
        pytest.param({}, 0, "NOTHING WAS CHECKED", id="none can be reached"),
        pytest.param({"pypi": SKIPPED}, 0, "NOTHING WAS CHECKED", id="an index without advisories"),
        pytest.param({"pypi": SKIPPED, "osv": [NAMED, CLICK]}, 1, "CVE-2099-1", id="the second can be reached"),
        pytest.param({"pypi": [NUMPY, SKIPPED[1]]}, 0, "Not checked: Dependency not found: click", id="one is unknown"),
    ],
)
def test_the_check_fails_on_an_advisory_and_says_where_it_could_not_ask(
    checkout: Path, tmp_path: Path, answers: dict[str, list[dict[str, Any]]], code: int, said: str
) -> None:
    (tmp_path / "pip_audit.py").write_text(STAND_IN, encoding="utf-8")
    for service, dependencies in answers.items():
        (tmp_path / service).write_text(json.dumps({"dependencies": dependencies, "fixes": []}), encoding="utf-8")
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("# a comment\nnumpy==2.5.5\n    # via contourpy\nclick==8.5.1 ; sys_platform == 'win32'\n")

    run = subprocess.run(
        [sys.executable, checkout / ".ci" / "advisories.py", constraints],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == code, run.stderr
    assert said in run.stdout
    assert (tmp_path / "asked").read_text().startswith("pypi: numpy==2.5.5 click==8.5.1\n")
    # Every check that had an answer prints the accepted advisories.
    assert ("Accepted: CVE-2025-71176" in run.stdout) == ("NOTHING WAS CHECKED" not in run.stdout)


def test_a_package_with_a_version_for_each_python_is_asked_about_all_of_them(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "pip_audit.py").write_text(STAND_IN, encoding="utf-8")
    (tmp_path / "pypi").write_text(json.dumps({"dependencies": [NUMPY], "fixes": []}), encoding="utf-8")
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("numpy==2.4.6 ; python_version < '3.12'\nnumpy==2.5.5 ; python_version >= '3.12'\n")
    subprocess.run(
        [sys.executable, checkout / ".ci" / "advisories.py", constraints],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert (tmp_path / "asked").read_text() == "pypi: numpy==2.4.6\npypi: numpy==2.5.5\n"
