"""The mark beside the data: it only moves forwards, and a file that cannot be used ends nothing."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from db.database_starts import VenueMark
from tasks import venue_mark

FIRST = VenueMark(event_id=9, order_id=UUID(int=1))
SECOND = VenueMark(event_id=10, order_id=UUID(int=2))


def test_a_mark_moves_forwards_only(tmp_path: Path) -> None:
    for mark in (SECOND, FIRST, None):
        venue_mark.advance(tmp_path, mark)

    assert venue_mark.read(tmp_path) == SECOND


def test_a_restored_database_sets_it_back(tmp_path: Path) -> None:
    venue_mark.advance(tmp_path, SECOND)

    venue_mark.replace(tmp_path, FIRST)
    earlier = venue_mark.read(tmp_path)
    venue_mark.replace(tmp_path, None)

    assert (earlier, venue_mark.read(tmp_path)) == (FIRST, None)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"event_id": "x", "order_id": "y"}', '{"event_id": 1}'])
def test_a_damaged_file_is_no_mark_and_is_written_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / venue_mark.NAME).write_text(text)

    damaged = venue_mark.read(tmp_path)
    venue_mark.advance(tmp_path, FIRST)

    assert (damaged, venue_mark.read(tmp_path)) == (None, FIRST)


def test_a_place_that_cannot_be_written_to_is_logged(tmp_path: Path) -> None:
    with capture_logs() as logs:
        venue_mark.advance(tmp_path / "missing", FIRST)

    assert [entry["event"] for entry in logs] == ["venue_mark.unwritten"]


def test_without_a_data_directory_there_is_none() -> None:
    venue_mark.advance(None, FIRST)

    assert venue_mark.read(None) is None
