"""Copies of states, each with a head of its audit log kept elsewhere that is its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from smarter.state import StateFolder
from smarter.state.audit.files import load_head
from smarter.state.folder import ANCHOR, anchor_folder
from tests.support.earlier import without_vouching


def copy_state(source: Path, folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Copy a state to ``folder``/state, and from now on keep the heads of audit logs in ``folder``/heads.

    Two copies of a state under one head elsewhere could not both go on, as is right.
    """
    before = StateFolder(source, anchor_folder())
    head = load_head(before.audit_head)
    heads = folder / "heads"
    heads.mkdir(parents=True)
    for place in before.heads_elsewhere(head.log) if head else ():
        if place.exists():
            shutil.copy(place, heads)
    patch.setenv(ANCHOR, str(heads))
    return Path(shutil.copytree(source, folder / "state"))


def put_back_journal(state: StateFolder, journal: Path) -> None:
    """Put an earlier journal in the place of a state's, unseen where no head is kept elsewhere.

    The head in the state lies beside it: who writes the one writes the other.
    """
    for left in ("-wal", "-shm"):
        state.journal.with_name(state.journal.name + left).unlink(missing_ok=True)
    shutil.copy(journal, state.journal)
    without_vouching(state.audit_head)
