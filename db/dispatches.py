"""What the dispatch stage needs of each signal, loaded together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from db import contexts, experiments, policies, signals, studies, trades
from domain.context import MarketContext, Quote
from domain.decision import EngineSlot
from domain.experiment import Assignment
from domain.policy import ExecutionPolicy
from domain.signal import Signal
from domain.study import Study
from domain.trade import experiment_id_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """An entry signal on its way to the engines."""

    signal: Signal
    context: MarketContext
    assignment: Assignment
    policy: ExecutionPolicy
    study: Study

    @property
    def experiment_id(self) -> UUID:
        """The id of the signal's experiment."""
        return experiment_id_for(self.signal.signal_id)

    @property
    def question(self) -> tuple[Signal, MarketContext, EngineSlot]:
        """What the engines are asked, and which of them first."""
        return self.signal, self.context, self.assignment.first_asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """A signal that closes open trades, at the quote of its own context."""

    signal: Signal
    trade_ids: tuple[UUID, ...]
    quote: Quote


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchBatch:
    """What of a batch can be dispatched now, and which signals wait for earlier entries they would close."""

    ready: tuple[UUID, ...]
    waiting: tuple[UUID, ...]
    asked: tuple[Dispatch, ...]
    closings: tuple[Closing, ...]


def prepare_batch(session: Session, owned: Sequence[Signal]) -> DispatchBatch:
    """Return what can go on: entries with all that the engines need, and the trades that signals close."""
    behind = signals.find_waiting_for_entries(session, [one.signal_id for one in owned])
    going = [one for one in owned if one.signal_id not in behind]
    return DispatchBatch(
        ready=tuple(one.signal_id for one in going),
        waiting=tuple(one.signal_id for one in owned if one.signal_id in behind),
        asked=tuple(_load_dispatches(session, [one for one in going if one.is_entry])),
        closings=tuple(_load_closings(session, going)),
    )


def _load_dispatches(session: Session, entries: Collection[Signal]) -> list[Dispatch]:
    """Return the entries with their context, assignment, policy and study."""
    ids = [one.signal_id for one in entries]
    context, assignment = contexts.load(session, ids), experiments.load(session, ids)
    policy = policies.load(session, [experiment_id_for(one) for one in ids])
    study = studies.load(session, {one.study_id for one in assignment.values()})
    return [
        Dispatch(
            signal=one,
            context=context[one.signal_id],
            assignment=assignment[one.signal_id],
            policy=policy[experiment_id_for(one.signal_id)],
            study=study[assignment[one.signal_id].study_id],
        )
        for one in entries
    ]


def _load_closings(session: Session, going: Sequence[Signal]) -> list[Closing]:
    """Return those signals that close open trades: exits their own side, entries the opposite one."""
    matched = trades.match_closing_signals(session, [one.signal_id for one in going])
    context = contexts.load(session, matched) if matched else {}
    return [
        Closing(signal=one, trade_ids=tuple(matched[one.signal_id]), quote=context[one.signal_id].quote)
        for one in going
        if one.signal_id in matched
    ]
