"""Builders of minimal valid rows: each inserts what it names and returns what others refer to.

`a_decided_entry` makes a whole judged signal; `tests.support.builders.trade_rows` goes on from there.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import text
from sqlalchemy.orm import Session

from db import contexts, experiments, policies, studies
from db.policies import PolicyChange
from db.studies import ComparedVersions
from db.tables.experiments import DecisionRow
from db.tables.signals import BookRow, SignalRow, SourceRow
from domain import context_builder
from domain import experiment as assigning
from domain import policy as policing
from domain.books import is_replay_book
from domain.context import InstrumentRules, MarketView, Quality, Quote, Window
from domain.decision import EngineSlot, Verdict
from domain.policy import ExecutionMode, PolicyVersion
from domain.signal import Action, Direction, InstrumentKind, Signal, Stage, signal_id_for
from domain.study import ExitClock, Study
from domain.trade import experiment_id_for

MONDAY = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
NOTIONAL = Decimal(100_000)
LOT = Decimal("0.01")
SALT = "00112233445566778899aabbccddeeff"

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the entries of one book share."""

    book: str
    source: str
    study: Study
    policy: PolicyVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An entry signal with its experiment, as far as others refer to it."""

    signal: Signal
    experiment_id: UUID
    context_hash: str
    mode: ExecutionMode


def a_book(session: Session, book: str = "paper") -> str:
    """Insert a book, a replay's with its cursor; one that exists stays."""
    if session.get(BookRow, book) is None:
        is_replay = is_replay_book(book)
        session.add(BookRow(book=book, kind="replay" if is_replay else book, cursor=MONDAY if is_replay else None))
        session.flush()
    return book


def a_source(session: Session, *, book: str = "paper", name: str | None = None) -> str:
    """Insert a source that posts into a book."""
    name = name or f"source-{next(_numbers)}"
    session.add(SourceRow(name=name, book=a_book(session, book), token_hash=_sha256(name), token_encrypted=b"x"))
    session.flush()
    return name


def some_terms(
    session: Session,
    *,
    book: str = "paper",
    name: str = "first",
    mode: ExecutionMode = ExecutionMode.ENGINE_A_PRIMARY,
    split_ppm: int = 500_000,
) -> Terms:
    """Insert a book with a source, a running study and a policy version."""
    source = a_source(session, book=book)
    versions = ComparedVersions(engine_a="rules@1", engine_b="committee@1", fill_model="fm1")
    study = studies.open_new(session, book, name=name, salt=SALT, versions=versions, exit_clock=ExitClock.SYNCHRONIZED)
    wanted = PolicyChange(label=f"{name}-v1", mode=mode, split_ppm=split_ppm, set_by="test", reason="test")
    return Terms(book=book, source=source, study=study, policy=policies.append_version(session, book, wanted))


def another_policy(session: Session, terms: Terms, *, mode: ExecutionMode, split_ppm: int = 500_000) -> Terms:
    """Append a policy version to the same book."""
    wanted = PolicyChange(label=mode.value, mode=mode, split_ppm=split_ppm, set_by="test", reason="test")
    policy = policies.append_version(session, terms.book, wanted)
    return Terms(book=terms.book, source=terms.source, study=terms.study, policy=policy)


def a_signal_row(
    session: Session,
    terms: Terms,
    *,
    action: Action = Action.ENTRY,
    direction: Direction = Direction.LONG,
    at: datetime = MONDAY,
    stage: Stage = Stage.OUTCOME_RECORDED,
    **columns: Any,
) -> Signal:
    """Insert a signal; at the last stage it is done, before it is open and due."""
    signal_hash = _sha256(f"signal {next(_numbers)}")
    signal = Signal(
        signal_id=signal_id_for(book=terms.book, source=terms.source, signal_hash=signal_hash),
        book=terms.book,
        source=terms.source,
        strategy="crossing",
        symbol="EURUSD",
        exchange="FX",
        instrument_kind=InstrumentKind.FOREX,
        direction=direction,
        action=action,
        timeframe=None,
        timestamp=at,
        received_at=at,
        price=Decimal("1.1"),
        confidence=None,
        signal_hash=signal_hash,
        flags=(),
        is_test=False,
        stage=stage,
        attempts=0,
    )
    is_done = stage is Stage.OUTCOME_RECORDED
    values: dict[str, Any] = {
        "signal_id": signal.signal_id,
        "book": signal.book,
        "source": signal.source,
        "strategy": signal.strategy,
        "symbol": signal.symbol,
        "exchange": signal.exchange,
        "instrument_kind": signal.instrument_kind.value,
        "direction": direction.value,
        "action": action.value,
        "timestamp": at,
        "received_at": at,
        "price": signal.price,
        "signal_hash": signal_hash,
        "content_hash": signal_hash,
        "occurrence": 0,
        "dialect": "test",
        "raw_body": b"{}",
        "raw_payload": {},
        "is_test": False,
        "stage": stage.value,
        "status": "done" if is_done else "open",
        "processed": is_done,
    }
    session.add(SignalRow(**values | columns))
    session.flush()
    return signal


def a_context(session: Session, signal: Signal, *, price: Decimal = Decimal("1.1")) -> str:
    """Insert the signal's snapshot, with an empty window, and return its hash."""
    view = MarketView(
        quote=Quote(at=signal.received_at, bid=price, ask=price, last=None, quality=Quality.LIVE),
        window=Window(base=None, higher=None),
        quality={},
    )
    rules = InstrumentRules(lot=LOT, reference_capital=NOTIONAL, max_notional=NOTIONAL, currency="USD")
    context = context_builder.build(signal, view, as_of=signal.received_at, rules=rules)
    contexts.record(session, [context])
    return context.context_hash


def an_experiment(session: Session, signal: Signal, terms: Terms) -> UUID:
    """Insert the signal's assignment, as its hash makes it, and name it on the signal."""
    assignment = assigning.assign(terms.study, terms.policy, signal=signal, reference_notional=NOTIONAL)
    experiments.record(session, [assignment])
    experiment_id = experiment_id_for(signal.signal_id)
    session.execute(
        text("UPDATE signals SET experiment_id = :experiment WHERE signal_id = :signal"),
        {"experiment": experiment_id, "signal": signal.signal_id},
    )
    return experiment_id


def a_policy(session: Session, signal: Signal, terms: Terms) -> ExecutionMode:
    """Insert the policy resolved for the signal's experiment and return its mode."""
    assignment = experiments.load(session, [signal.signal_id])[signal.signal_id]
    resolved = policing.resolve(terms.policy, variant=assignment.variant, available=frozenset(EngineSlot))
    policies.record(session, {experiment_id_for(signal.signal_id): resolved})
    return resolved.execution_mode


def a_decision(
    session: Session,
    judged: Judged,
    engine: EngineSlot,
    verdict: Verdict,
    *,
    side: Direction = Direction.LONG,
    quantity: Decimal = Decimal(100),
) -> None:
    """Insert what an engine said."""
    enters = verdict is Verdict.ENTER
    session.add(
        DecisionRow(
            decision_id=uuid5(judged.experiment_id, engine.value),
            experiment_id=judged.experiment_id,
            engine=engine.value,
            engine_name="engine",
            engine_version="1",
            context_hash=judged.context_hash,
            action=verdict.value,
            side=side.value if enters else None,
            quantity=quantity if enters else None,
            stop=Decimal(1) if enters else None,
            plan=plan_json(side, quantity) if enters else None,
            confidence=None,
            reasons=["because"],
            rationale={"rule": "seen"},
            latency_ms=Decimal(2),
            error="it broke" if verdict is Verdict.ERROR else None,
        )
    )
    session.flush()


def a_decided_entry(
    session: Session,
    terms: Terms,
    *,
    verdicts: Mapping[EngineSlot, Verdict] | None = None,
    side: Direction = Direction.LONG,
    at: datetime = MONDAY,
    stage: Stage = Stage.OUTCOME_RECORDED,
) -> Judged:
    """Insert an entry signal with context, experiment, policy and decisions (default: both HOLD)."""
    signal = a_signal_row(session, terms, at=at, direction=side, stage=stage)
    context_hash = a_context(session, signal)
    experiment_id = an_experiment(session, signal, terms)
    mode = a_policy(session, signal, terms)
    judged = Judged(signal=signal, experiment_id=experiment_id, context_hash=context_hash, mode=mode)
    for engine in EngineSlot:
        a_decision(session, judged, engine, (verdicts or {}).get(engine, Verdict.HOLD), side=side)
    return judged


def plan_json(side: Direction, quantity: Decimal) -> dict[str, Any]:
    """Return a stored plan without targets."""
    return {
        "side": side.value,
        "quantity": str(quantity),
        "stop": "1",
        "targets": [],
        "trailing": None,
        "max_hold_s": "86400",
    }


def _sha256(text_: str) -> str:
    return hashlib.sha256(text_.encode()).hexdigest()
