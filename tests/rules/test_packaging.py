"""What is installed is what was meant: the wheel runs by itself, far from the checkout.

The wheel is built from the source distribution, so that both are seen to be whole, and installed beside its
declared base dependencies alone, so that one that was forgotten is missed here and not by its first user.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
from filelock import FileLock
from packaging.requirements import Requirement

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Installed:
    """A virtual environment that holds the wheel and its base dependencies, and the wheel itself."""

    wheel: Path
    bin: Path
    site_packages: Path


def build(target: str, root: Path, out: Path) -> Path:
    """Build ``wheel`` or ``sdist`` from ``root`` by the backend that pip calls, without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(out)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    (built,) = out.iterdir()
    return built


def closure(requirements: Iterable[str], found: dict[str, metadata.Distribution]) -> None:
    """Add to ``found``, by name, what ``requirements`` ask for without extras, and what that asks for."""
    for requirement in map(Requirement, requirements):
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        assert not requirement.extras, f"{requirement}: a base dependency with extras needs them followed here"
        found[name] = metadata.distribution(name)
        closure(found[name].requires or (), found)


@pytest.fixture(scope="session")
def installed(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    base = tmp_path_factory.getbasetemp()
    # Workers of one run share one; without workers, the folder above belongs to other runs too.
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "a path with spaces"
    with FileLock(f"{place}.lock"):
        if not place.exists():
            place.mkdir()
            install(checkout, place)
    (wheel,) = (place / "wheel").iterdir()
    (site_packages,) = place.glob("environment/lib/python*/site-packages")
    return Installed(wheel, place / "environment" / "bin", site_packages)


def install(checkout: Path, place: Path) -> None:
    """Build the wheel under ``place`` and install it there."""
    with tarfile.open(build("sdist", checkout, place / "sdist")) as sdist:
        sdist.extractall(place / "unpacked", filter="data")
    (source,) = (place / "unpacked").iterdir()
    wheel = build("wheel", source, place / "wheel")

    environment = place / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python")]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)

    (information,) = environment.glob("lib/python*/site-packages/smarter_metering-*.dist-info")
    needed: dict[str, metadata.Distribution] = {}
    closure(metadata.Distribution.at(information).requires or (), needed)
    for distribution in needed.values():
        for name in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            link = information.parent / name
            if not link.exists():
                link.symlink_to(Path(str(distribution.locate_file(name))))


def test_the_source_distribution_carries_the_security_policy_and_the_pinned_versions(installed: Installed) -> None:
    (source,) = (installed.wheel.parents[1] / "unpacked").iterdir()
    assert {"SECURITY.md", "constraints.txt", ".ci", "Makefile"} <= {file.name for file in source.iterdir()}


def test_the_wheel_carries_code_scenarios_and_sample_data_and_nothing_else(
    installed: Installed, checkout: Path
) -> None:
    with zipfile.ZipFile(installed.wheel) as archive:
        carried = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = set()
    for folder, inside in (
        ("smarter", "smarter"),
        ("plugins/smarter_plugins", "smarter_plugins"),
        ("scenarios", "smarter/bundled/scenarios"),
        ("data", "smarter/bundled/data"),
    ):
        for file in (checkout / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                expected.add(f"{inside}/{file.relative_to(checkout / folder).as_posix()}")
    assert carried == expected
    assert "smarter/bundled/scenarios/quickstart.yaml" in carried
    assert sum(name.startswith("smarter/bundled/data/sample-week/") for name in carried) >= 10


def test_an_installed_smarter_runs_the_quickstart_with_base_dependencies_from_anywhere(
    installed: Installed, tmp_path: Path
) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PYTHON"))}
    environment |= {"HOME": str(tmp_path), "PATH": os.pathsep.join([str(installed.bin), os.environ["PATH"]])}
    out = tmp_path / "what it left"

    where = subprocess.run(
        [installed.bin / "python", "-c", "import smarter, smarter_plugins as p; print(smarter.__file__, p.__file__)"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.count(str(installed.site_packages)) == 2

    run = subprocess.run(
        # A day of it takes all that the week takes.
        [installed.bin / "smarter", "run", "quickstart", "--set", "time.end=2016-01-02", "--out", str(out)],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert {file.name for file in out.iterdir()} == {"billing.csv", "demand.csv", "bills.csv", "result.json"}
    assert len((out / "billing.csv").read_text().splitlines()) == 1 + 10 * 24 // 3
