"""The record of a study: one entry per signal, with both engines' sides on both exit clocks.

Comparisons use model trades only; the real trade of an engine serves the execution gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from domain.books import LIVE_BOOK
from domain.decision import EngineSlot, Verdict
from domain.experiment import Assignment
from domain.policy import ExecutionMode
from domain.signal import Direction, Instrument
from domain.study import ExitClock, Study


@dataclass(frozen=True, slots=True, kw_only=True)
class SideOutcome:
    """Result of one engine's side on one exit clock.

    `exit_time` is None exactly when there was no trade; then P&L and return are 0, and `exit_reason` says why.
    """

    pnl: Decimal
    return_ratio: Decimal
    exit_reason: str
    exit_time: datetime | None

    @property
    def traded(self) -> bool:
        """Return whether a trade was opened and closed."""
        return self.exit_time is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One engine's side of an entry; `verdict` is None until it has decided, clocks are absent until it ends there.

    `reasons` are the codes that the engine gave for its verdict.
    """

    verdict: Verdict | None
    context_hash: str | None
    direction: Direction | None
    model: Mapping[ExitClock, SideOutcome]
    real: SideOutcome | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyEntry:
    """One entry signal of a study, with its assignment and the sides of both engines.

    `context_hash` is the stored snapshot's, None while there is none; `mode` is the resolved policy's.
    """

    signal_hash: str
    received_at: datetime
    assignment: Assignment
    mode: ExecutionMode | None
    context_hash: str | None
    sides: Mapping[EngineSlot, Side]

    @property
    def shares_context(self) -> bool:
        """Return whether all decisions were made on the stored snapshot."""
        return all(side.context_hash in (None, self.context_hash) for side in self.sides.values())

    def is_final(self, clock: ExitClock) -> bool:
        """Return whether both sides have ended on `clock`."""
        return all(clock in side.model for side in self.sides.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingBars:
    """A market whose last entry signal found fewer closed bars than an engine of the study needs."""

    symbol: str
    exchange: str
    timeframe: str
    known: int
    needed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    """A study with its entries in the order of their signals.

    `unassigned` counts entry signals of the book that belong to the study and have no experiment yet;
    `stored_at` is when its newest signal was stored, by the wall clock. `calendars` are those of the instruments of
    its entries. `marked_drawdowns` are the largest falls of each engine's equity on each clock, with open trades at
    the close of every bar, as fractions of the peak; those that cannot be computed are absent. `entry_bases` counts the
    entries of model trades by the origin of their price. `instruments` are those that its entries are about.
    """

    study: Study
    engines: Mapping[EngineSlot, str]
    fill_model: str
    reference_capital: Decimal
    currency: str
    entries: tuple[StudyEntry, ...]
    unassigned: int
    stored_at: datetime | None
    calendars: frozenset[str] = frozenset()
    marked_drawdowns: Mapping[tuple[EngineSlot, ExitClock], float] = field(default_factory=dict)
    entry_bases: Mapping[str, int] = field(default_factory=dict)
    instruments: frozenset[Instrument] = frozenset()
    missing_bars: tuple[MissingBars, ...] = ()

    @property
    def is_simulated(self) -> bool:
        """Return whether the book's real orders go to the paper broker."""
        return self.study.book != LIVE_BOOK

    def closed_trades(self, engine: EngineSlot, clock: ExitClock) -> Iterator[tuple[StudyEntry, SideOutcome]]:
        """Yield the engine's closed model trades on `clock`, in the order of their signals."""
        for entry in self.entries:
            outcome = entry.sides[engine].model.get(clock)
            if outcome is not None and outcome.traded:
                yield entry, outcome
