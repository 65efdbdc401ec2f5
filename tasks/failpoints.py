"""Places where tests can stop, break or kill a worker; without FAILPOINTS=1 they do nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from uuid import UUID

_POLL_S = 0.01
_LONGEST_S = 600
_work: ContextVar[tuple[str, Collection[UUID]]] = ContextVar("_work", default=("", ()))


class FailpointHit(RuntimeError):
    """A test asked for this error."""


def reach(directory: Path | None, name: str, ids: Collection[UUID]) -> None:
    """Do what the file `directory/name` says, if there is one.

    `pause` waits until the file is gone, `raise` raises for an id in it, `kill` ends this process as kill -9 does, and
    removes the file first. A pause shows itself by the file `directory/name.reached`. A stage that holds nothing
    (`ids` is empty) passes.

    Raises:
        FailpointHit: when the file says `raise` and names one of `ids`.
    """
    if directory is None or not ids:
        return
    path, waited = directory / name, 0.0
    while (said := _read(path)) is not None and said.startswith("pause") and waited < _LONGEST_S:
        (directory / f"{name}.reached").touch()
        time.sleep(_POLL_S)
        waited += _POLL_S
    if said is not None and said.startswith("kill"):
        path.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    if said is not None and said.startswith("raise") and any(str(one) in said for one in ids):
        raise FailpointHit(name)


@contextmanager
def working(stage: str, ids: Collection[UUID]) -> Iterator[None]:
    """Name the stage and what it holds for the failpoints at the ends of its transactions."""
    token = _work.set((stage, ids))
    try:
        yield
    finally:
        _work.reset(token)


def reach_boundary(directory: Path | None, boundary: str) -> None:
    """Reach `STAGE.BOUNDARY`, where a stage is at work."""
    stage, ids = _work.get()
    if directory is not None and stage:
        reach(directory, f"{stage}.{boundary}", ids)


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
