"""The reserve keeps a part of the disk while there is room, and is given back shortly before the disk is full."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import data_disk
from domain.disk_space import DiskSpace
from stack import disk_reserve
from stack.disk_reserve import DiskReserve
from tests.support.waiting import until

GIGABYTE, MEGABYTE = 1 << 30, 1 << 20
RESERVE = 32 * MEGABYTE


def leave(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    """Let a disk of 100 GB have this much left."""
    monkeypatch.setattr(data_disk, "measure", lambda _: DiskSpace(total=100 * GIGABYTE, free=free))


@pytest.mark.parametrize(
    ("free", "short", "low"),
    [(11 * GIGABYTE, False, False), (9 * GIGABYTE, False, True), (255 * MEGABYTE, True, True)],
)
def test_a_disk_is_low_long_before_what_is_left_is_kept_for_exits(free: int, short: bool, low: bool) -> None:
    space = DiskSpace(total=100 * GIGABYTE, free=free)

    assert (space.is_short, space.is_low(was_low=False)) == (short, low)


def test_of_a_small_disk_a_share_is_kept() -> None:
    space = DiskSpace(total=100 * MEGABYTE, free=6 * MEGABYTE)

    assert (space.is_short, space.reserve_size) == (False, MEGABYTE)
    assert DiskSpace(total=100 * MEGABYTE, free=4 * MEGABYTE).is_short


def test_the_reserve_is_made_given_back_and_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    reserve, file, sizes = DiskReserve(tmp_path), tmp_path / disk_reserve.NAME, []
    told = []
    for free in (GIGABYTE, 40 * MEGABYTE, 31 * MEGABYTE, 63 * MEGABYTE, GIGABYTE):
        leave(monkeypatch, free)
        told.append(reserve.update())
        sizes.append(file.stat().st_size if file.exists() else 0)

    assert sizes == [RESERVE, RESERVE, 0, 0, RESERVE]
    assert [line is not None for line in told] == [False, False, True, False, False]
    assert "make room" in str(told[2])


def test_it_is_kept_while_the_stack_runs_and_removed_afterwards(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    leave(monkeypatch, GIGABYTE)
    file = tmp_path / disk_reserve.NAME

    with disk_reserve.keep_reserve(tmp_path, report=lambda _: None):
        until(lambda: file.exists() and file.stat().st_size == RESERVE, what="the reserve")

    assert not file.exists()
