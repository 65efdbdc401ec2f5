"""Points at which tests pause, break or kill a worker; without a failpoint directory (FAILPOINTS=1) they do nothing.

Stages reach theirs through the hooks of this module and never name one: `STAGE.claimed` when signals were claimed,
`STAGE.before_commit` and `STAGE.after_commit` at the end of each of the stage's transactions.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

_POLL_S = 0.01
_LONGEST_PAUSE_S = 600


class FailpointHit(RuntimeError):
    """A test asked for this error."""


@dataclass(slots=True, kw_only=True)
class _RunningStage:
    directory: Path
    name: str
    claimed: list[UUID] = field(default_factory=list)


_running_stage: ContextVar[_RunningStage | None] = ContextVar("_running_stage", default=None)


def reach(directory: Path | None, name: str, ids: Collection[UUID]) -> None:
    """Pause, raise or kill this process, as the command in the file `directory/name` says, if there is one.

    `pause` waits until the file is gone, `raise` raises for an id in it, `kill` ends this process as kill -9 does, and
    removes the file first. A pause shows itself by the file `directory/name.reached`. Nothing happens when `ids` is
    empty.

    Raises:
        FailpointHit: when the file says `raise` and names one of `ids`.
    """
    if directory is None or not ids:
        return
    path, waited = directory / name, 0.0
    while (command := _read_command(path)) is not None and command.startswith("pause") and waited < _LONGEST_PAUSE_S:
        (directory / f"{name}.reached").touch()
        time.sleep(_POLL_S)
        waited += _POLL_S
    if command is not None and command.startswith("kill"):
        path.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    if command is not None and command.startswith("raise") and any(str(one_id) in command for one_id in ids):
        raise FailpointHit(name)


@contextmanager
def run_stage(directory: Path | None, stage: str) -> Iterator[None]:
    """Set the stage whose failpoints the hooks below reach during the block."""
    token = _running_stage.set(_RunningStage(directory=directory, name=stage) if directory is not None else None)
    try:
        yield
    finally:
        _running_stage.reset(token)


def note_claim(ids: Collection[UUID]) -> None:
    """Remember which signals the running stage claimed, and reach the failpoint `STAGE.claimed`."""
    if running := _running_stage.get():
        running.claimed += ids
        reach(running.directory, f"{running.name}.claimed", ids)


def reach_boundary(boundary: str) -> None:
    """Reach the failpoint `STAGE.BOUNDARY` when a stage that claimed signals is running."""
    if running := _running_stage.get():
        reach(running.directory, f"{running.name}.{boundary}", running.claimed)


def _read_command(path: Path) -> str | None:
    """Return the content of a failpoint file; None when there is no such file."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
