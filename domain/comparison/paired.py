"""The paired difference: for each entry signal, B's return minus A's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum

from domain.comparison import numbers
from domain.comparison.record import SideOutcome, StudyRecord
from domain.decision import EngineSlot
from domain.study import ExitClock


class Cell(Enum):
    """Which engines traded in a pair."""

    BOTH = "both"
    ONLY_A = "only_a"
    ONLY_B = "only_b"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One entry signal that has ended for both engines; `difference` is B - A in return on the reference notional."""

    received_at: datetime
    cell: Cell
    difference: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CellShare:
    """A cell's part of the comparison: its pairs, their share, and their contribution to the mean difference."""

    pairs: int
    share: float
    contribution: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionGap:
    """The mean of real minus model return of the same engine, over the trades closed in both; None without any."""

    mean: float | None
    count: int


def build_pairs(record: StudyRecord, *, clock: ExitClock) -> list[Pair]:
    """Return the pairs of a study on one exit clock, in the order of their signals.

    An engine that did not trade counts as 0. Entries whose decisions used different snapshots, and entries that have
    not ended for both engines, are left out.
    """
    return [
        _build_pair(entry.received_at, *(entry.sides[engine].model[clock] for engine in EngineSlot))
        for entry in record.entries
        if entry.is_final(clock) and entry.shares_context
    ]


def split_by_cell(pairs: Sequence[Pair]) -> dict[Cell, CellShare]:
    """Split the mean difference by the engines that traded; the contributions sum to it."""
    total = len(pairs)
    return {cell: _compute_share([pair.difference for pair in pairs if pair.cell is cell], total) for cell in Cell}


def count_entry_days(pairs: Sequence[Pair]) -> int:
    """Count the distinct UTC days on which the pairs were entered."""
    return len({pair.received_at.date() for pair in pairs})


def compute_execution_gap(record: StudyRecord, engines: Sequence[EngineSlot]) -> ExecutionGap:
    """Compare real with model trades of the same engine on the synchronized clock; on the paper venue it must be 0."""
    differences = [
        numbers.subtract_exactly(real.return_ratio, model.return_ratio)
        for entry in record.entries
        for engine in engines
        if (real := entry.sides[engine].real) is not None
        and real.traded
        and (model := entry.sides[engine].model.get(ExitClock.SYNCHRONIZED)) is not None
        and model.traded
    ]
    return ExecutionGap(mean=numbers.compute_mean(differences), count=len(differences))


def _build_pair(received_at: datetime, a: SideOutcome, b: SideOutcome) -> Pair:
    return Pair(
        received_at=received_at,
        cell=_CELLS[a.traded, b.traded],
        difference=numbers.subtract_exactly(b.return_ratio, a.return_ratio),
    )


def _compute_share(differences: list[Decimal], total: int) -> CellShare:
    if not total:
        return CellShare(pairs=0, share=0.0, contribution=0.0)
    return CellShare(
        pairs=len(differences),
        share=numbers.divide(Decimal(len(differences)), Decimal(total)),
        contribution=numbers.divide(numbers.sum_exactly(differences), Decimal(total)),
    )


_CELLS = {
    (True, True): Cell.BOTH,
    (True, False): Cell.ONLY_A,
    (False, True): Cell.ONLY_B,
    (False, False): Cell.NONE,
}
