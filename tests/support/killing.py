"""Death at each write: what a command leaves behind when it is killed there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch


class Killed(BaseException):
    """The process ends here; nothing catches it, as nothing would catch ``kill -9``."""


def kill_at_each_write(command: Callable[[], object], folders: Mapping[Path, Path]) -> Iterator[bool]:
    """Let a command die at its first write, at its second, and so on, until it comes to its end.

    A write is a file put in its place, or one that is removed: what was only begun beside it is nothing to anybody. The
    disk is not waited for, since nothing here loses its power.

    Args:
        command: works on the copies.
        folders: by folder, where a fresh copy of it is put before each try; the second may be put back by moving.

    Yields:
        After each try, whether it died.
    """
    at = 0
    while True:
        for folder, copy in folders.items():
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(folder, copy)
        died = _dies(command, at)
        yield died
        if not died:
            return
        at += 1


def _dies(command: Callable[[], object], at: int) -> bool:
    left = at

    def or_die(do: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            if not left:
                raise Killed
            left -= 1
            return do(*arguments, **named)

        return instead

    with (
        patch.object(os, "fsync", lambda _: None),
        patch.object(Path, "replace", or_die(Path.replace)),
        patch.object(Path, "unlink", or_die(Path.unlink)),
    ):
        try:
            command()
        except Killed:
            return True
    return False
