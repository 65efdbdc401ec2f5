"""Builders of what a study recorded, without a database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from domain import experiment
from domain.comparison.record import Side, SideOutcome, StudyEntry, StudyRecord
from domain.decision import EngineSlot, Verdict
from domain.experiment import Assignment, Purpose
from domain.policy import ExecutionMode
from domain.signal import Direction
from domain.study import ExitClock, Study

MONDAY = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
CAPITAL = Decimal(100_000)
SALT = "00112233445566778899aabbccddeeff"
A, B = EngineSlot.A, EngineSlot.B
NO_TRADE = SideOutcome(pnl=Decimal(0), return_ratio=Decimal(0), exit_reason="no_trade_hold", exit_time=None)


def an_ending(
    pnl: Decimal | int | str, *, closed: datetime = MONDAY + timedelta(hours=4), reason: str = "stop"
) -> SideOutcome:
    """Make the end of a trade with this P&L; its return is on the capital."""
    earned = Decimal(pnl)
    return SideOutcome(pnl=earned, return_ratio=earned / CAPITAL, exit_reason=reason, exit_time=closed)


def a_side(
    ending: SideOutcome | None = NO_TRADE,
    *,
    own: SideOutcome | None = None,
    real: SideOutcome | None = None,
    direction: Direction = Direction.LONG,
    context_hash: str = "seen",
) -> Side:
    """Make one engine's side, ended alike on both clocks unless `own` differs; None has not ended."""
    traded = ending is None or ending.traded
    return Side(
        verdict=Verdict.ENTER if traded else Verdict.HOLD,
        context_hash=context_hash,
        direction=direction if traded else None,
        model={} if ending is None else {ExitClock.SYNCHRONIZED: ending, ExitClock.OWN: own or ending},
        real=real,
    )


def an_entry(a: Side | None = None, b: Side | None = None, *, number: int = 1, at: datetime = MONDAY) -> StudyEntry:
    """Make an entry whose assignment recomputes; both engines held unless said otherwise."""
    return StudyEntry(
        signal_hash=f"hash {number}",
        received_at=at,
        assignment=an_assignment(number),
        mode=ExecutionMode.ENGINE_A_PRIMARY,
        context_hash="seen",
        sides={A: a or a_side(), B: b or a_side()},
    )


def an_assignment(number: int, *, split_ppm: int = 500_000) -> Assignment:
    """Make the assignment of signal `number`."""
    signal_id = UUID(int=number)
    fields = {"salt": SALT, "signal_id": str(signal_id), "signal_hash": f"hash {number}"}
    variant = experiment.draw(purpose=Purpose.VARIANT, **fields)
    order = experiment.draw(purpose=Purpose.ORDER, **fields)
    return Assignment(
        signal_id=signal_id,
        study_id=UUID(int=0),
        variant=experiment.choose_variant(variant.bucket_ppm, split_ppm=split_ppm),
        assignment_hash=variant.digest,
        bucket_ppm=variant.bucket_ppm,
        split_ppm=split_ppm,
        first_asked=experiment.choose_variant(order.bucket_ppm, split_ppm=500_000),
        reference_notional=CAPITAL,
        policy_version_id=1,
        policy_version="v1",
    )


def a_record(entries: Sequence[StudyEntry] = (), *, unassigned: int = 0, book: str = "paper") -> StudyRecord:
    """Make a study with these entries, on the synchronized clock."""
    study = Study(
        study_id=UUID(int=0),
        name="first",
        book=book,
        salt=SALT,
        horizon_sessions=5,
        exit_clock=ExitClock.SYNCHRONIZED,
        alpha=Decimal("0.05"),
    )
    return StudyRecord(
        study=study,
        engines={A: "rules@1", B: "committee@1"},
        fill_model="fm1",
        reference_capital=CAPITAL,
        currency="USD",
        entries=tuple(entries),
        unassigned=unassigned,
        stored_at=None,
        calendars=frozenset({"24/7"}),
    )


def trades_of_a(pnls: Sequence[Decimal | int], *, every: timedelta = timedelta(hours=1)) -> StudyRecord:
    """Make a study in which A closed a trade with each P&L, one after another, and B held."""
    return a_record(
        [
            an_entry(a_side(an_ending(pnl, closed=MONDAY + number * every)), number=number + 1)
            for number, pnl in enumerate(pnls)
        ]
    )
