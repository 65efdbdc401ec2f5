"""The mark beside the data: the newest event of an order that went to a venue, kept outside the database.

It tells a restored or forked database from the one that was used last. Without a data directory there is none.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from uuid import UUID

import structlog

from db.database_starts import VenueMark

NAME = "venue_mark.json"
log = structlog.get_logger()


def read(directory: Path | None) -> VenueMark | None:
    """Return the mark; None where there is none, or where it cannot be read, which is logged."""
    if directory is None or not (directory / NAME).exists():
        return None
    try:
        return _parse((directory / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("venue_mark.unreadable", error=type(error).__name__)
        return None


def advance(directory: Path | None, mark: VenueMark | None) -> None:
    """Store a mark unless a later one is stored; a write that fails is logged and ends nothing."""
    if mark is not None:
        _write(directory, mark, is_forced=False)


def replace(directory: Path | None, mark: VenueMark | None) -> None:
    """Store the mark of the database that is used from now on; without one its file is emptied."""
    _write(directory, mark, is_forced=True)


def _write(directory: Path | None, mark: VenueMark | None, *, is_forced: bool) -> None:
    if directory is None:
        return
    try:
        with (directory / NAME).open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            stored = file.read()
            if is_forced or mark is None or _is_later(mark, stored):
                file.truncate(0)
                file.write("" if mark is None else _format(mark))
    except OSError as error:
        log.warning("venue_mark.unwritten", error=type(error).__name__)


def _is_later(mark: VenueMark, stored: str) -> bool:
    try:
        present = _parse(stored)
    except (ValueError, KeyError, TypeError):
        return True
    return present is None or mark.event_id > present.event_id


def _parse(text: str) -> VenueMark | None:
    if not text.strip():
        return None
    document = json.loads(text)
    return VenueMark(event_id=int(document["event_id"]), order_id=UUID(document["order_id"]))


def _format(mark: VenueMark) -> str:
    return json.dumps({"event_id": mark.event_id, "order_id": str(mark.order_id)}) + os.linesep
