"""Ask an advisory database about every version in a constraints file.

``make audit`` runs it. It exits with 1 if a published advisory names a pinned version.
If no database can be reached, it says that nothing was checked, and exits with 0. pip-audit itself cannot say so:
it exits with 0 if an index finds none of the versions, and with 1 if it cannot connect.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from itertools import zip_longest
from pathlib import Path
from typing import Any

# Both have the same advisories. The second is asked if the first cannot be reached.
SERVICES = ("pypi", "osv")

# Advisories about versions that cannot be raised yet, each with its reason.
ACCEPTED = {
    "CVE-2025-71176": "pytest before 9.0.3 uses a guessable folder in /tmp; pytest-textual-snapshot needs pytest 8.",
}


PIN = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)


class NotReached(Exception):
    """A database gave no answer; the text says why."""


def rounds(constraints: str) -> list[list[str]]:
    """Pins without markers, in lists that have each package once, as pip-audit wants them."""
    pins: dict[str, list[str]] = {}
    for name, version in PIN.findall(constraints):
        pins.setdefault(name, []).append(f"{name}=={version}")
    return [[pin for pin in pinned if pin] for pinned in zip_longest(*pins.values())]


def ask(service: str, pins: list[str]) -> list[dict[str, Any]]:
    """Run pip-audit and return its report on each pin.

    Raises:
        NotReached: The service has no answer for any of them.
    """
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text("\n".join(pins), encoding="utf-8")
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(requirements), "--no-deps", "--disable-pip"]
        command += ["--vulnerability-service", service, "--format", "json", "--progress-spinner", "off"]
        command += [word for accepted in ACCEPTED for word in ("--ignore-vuln", accepted)]
        run = subprocess.run(  # noqa: S603 - our own command
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    try:
        answers: list[dict[str, Any]] = json.loads(run.stdout)["dependencies"]
    except (ValueError, KeyError):
        said = run.stderr.strip().splitlines() or [f"pip-audit ended with {run.returncode}"]
        raise NotReached(said[-1]) from None
    if all("skip_reason" in answer for answer in answers):
        raise NotReached("it has none of these versions")
    return answers


def check(constraints: Path) -> int:
    """Print the advisories about the pins, and return the exit code."""
    asked = rounds(constraints.read_text(encoding="utf-8"))
    for service in SERVICES:
        try:
            answers = [answer for pins in asked for answer in ask(service, pins)]
            break
        except NotReached as why:
            print(f"Advisory database {service!r} not reached: {why}", file=sys.stderr)
    else:
        print("No advisory database can be reached from here: NOTHING WAS CHECKED.")
        return 0

    named = [answer for answer in answers if answer.get("vulns")]
    for answer in named:
        for advisory in answer["vulns"]:
            ids = ", ".join([advisory["id"], *advisory["aliases"]])
            fixed = " or ".join(advisory["fix_versions"]) or "no release yet"
            print(f"{answer['name']} {answer['version']}: {ids}; fixed in {fixed}.")
    for answer in answers:
        if "skip_reason" in answer:
            print(f"Not checked: {answer['skip_reason']}")
    for accepted, why in ACCEPTED.items():
        print(f"Accepted: {accepted}: {why}")
    checked = sum("skip_reason" not in answer for answer in answers)
    print(f"{checked} versions checked by {service!r}, {len(named)} named by advisories.")
    if named:
        print("Raise the lower bounds in pyproject.toml and run `make constraints`.")
    return 1 if named else 0


if __name__ == "__main__":
    sys.exit(check(Path(sys.argv[1])))
