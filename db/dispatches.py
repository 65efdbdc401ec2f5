"""Dispatches: the data that the dispatch stage needs of each signal, loaded together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from db import contexts, exit_decisions, experiments, outdated_entries, policies, signals
from domain.context import MarketContext
from domain.decision import EngineSlot
from domain.experiment import Assignment
from domain.policy import ExecutionPolicy
from domain.signal import Signal
from domain.trade import experiment_id_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """Entry signal with all that the engines and the opening of trades need.

    `closed_by` is the alert that closed its key although it fired later and arrived before it: the entry is outdated.
    """

    signal: Signal
    context: MarketContext
    assignment: Assignment
    policy: ExecutionPolicy
    closed_by: UUID | None = None

    @property
    def experiment_id(self) -> UUID:
        """The id of the signal's experiment."""
        return experiment_id_for(self.signal.signal_id)

    @property
    def question(self) -> tuple[Signal, MarketContext, EngineSlot]:
        """The signal, its context, and the engine to ask first."""
        return self.signal, self.context, self.assignment.first_asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """Signal that closes open trades."""

    signal: Signal
    trade_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchBatch:
    """Signals of a batch that can be dispatched now, and those that wait for earlier entries which they would close.

    `asked` are the entries among the ready signals, `closings` those that close open trades; `closing_ids` are those
    that close trades or are exits, which may find nothing open.
    """

    ready: tuple[UUID, ...]
    waiting: tuple[UUID, ...]
    asked: tuple[Dispatch, ...]
    closings: tuple[Closing, ...]
    closing_ids: frozenset[UUID]


def prepare_batch(session: Session, owned: Sequence[Signal]) -> DispatchBatch:
    """Divide claimed signals into those that can be dispatched, with the data they need, and those that must wait."""
    waiting = signals.find_waiting_for_entries(session, [signal.signal_id for signal in owned])
    ready = [signal for signal in owned if signal.signal_id not in waiting]
    closings = _load_closings(session, ready)
    return DispatchBatch(
        ready=tuple(signal.signal_id for signal in ready),
        waiting=tuple(signal.signal_id for signal in owned if signal.signal_id in waiting),
        asked=tuple(_load_dispatches(session, [signal for signal in ready if signal.is_entry])),
        closings=tuple(closings),
        closing_ids=frozenset(
            {closing.signal.signal_id for closing in closings}
            | {signal.signal_id for signal in ready if not signal.is_entry}
        ),
    )


def _load_dispatches(session: Session, entries: Collection[Signal]) -> list[Dispatch]:
    """Return the entries with their context, assignment, policy and study."""
    ids = [signal.signal_id for signal in entries]
    contexts_by_signal, assignments = contexts.load(session, ids), experiments.load(session, ids)
    policies_by_experiment = policies.load(session, [experiment_id_for(signal_id) for signal_id in ids])
    outdated = outdated_entries.find(session, ids)
    return [
        Dispatch(
            signal=signal,
            context=contexts_by_signal[signal.signal_id],
            assignment=assignments[signal.signal_id],
            policy=policies_by_experiment[experiment_id_for(signal.signal_id)],
            closed_by=outdated.get(signal.signal_id),
        )
        for signal in entries
    ]


def _load_closings(session: Session, ready: Sequence[Signal]) -> list[Closing]:
    """Return the signals that close open trades, as it was decided before or is decided now."""
    trade_ids = exit_decisions.decide(session, ready)
    return [
        Closing(signal=signal, trade_ids=trade_ids[signal.signal_id])
        for signal in ready
        if trade_ids.get(signal.signal_id)
    ]
