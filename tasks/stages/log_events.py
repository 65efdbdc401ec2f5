"""Log events of the stages: one static event name for each fact, with ids rather than objects."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import structlog

from db.policies import name_engines
from domain.context import MarketContext
from domain.experiment import Assignment
from domain.policy import ExecutionPolicy
from domain.signal import Signal
from domain.trade import Trade, TradeStatus, experiment_id_for
from domain.trade_opening import OpeningPlan
from tasks.entry_prices import PricedEntry

log = structlog.get_logger()

_TRADE_EVENTS = {
    (True, TradeStatus.OPEN): "shadow_trade.opened",
    (True, TradeStatus.PENDING): "shadow_trade.waiting",
    (True, TradeStatus.DENIED): "shadow_trade.denied",
    (False, TradeStatus.PENDING): "real_trade.intended",
    (False, TradeStatus.DENIED): "real_trade.denied",
}


def log_captured_contexts(built: Sequence[MarketContext], kept: Collection[UUID]) -> None:
    """Log each context that was stored."""
    for context in built:
        if context.signal_id in kept:
            log.info("context.captured", signal_id=str(context.signal_id), context_hash=context.context_hash)


def log_created_experiments(assignments: Sequence[Assignment]) -> None:
    """Log the variant of each new experiment, with the inputs it was derived from."""
    for assignment in assignments:
        log.info(
            "experiment.created",
            signal_id=str(assignment.signal_id),
            experiment_id=str(experiment_id_for(assignment.signal_id)),
            variant=assignment.variant.value,
            assignment_hash=assignment.assignment_hash,
            bucket=assignment.bucket_ppm,
            split_ppm=assignment.split_ppm,
            policy_version=assignment.policy_version,
        )


def log_applied_policies(resolved: Mapping[UUID, ExecutionPolicy]) -> None:
    """Log which engine may trade each experiment for real, with the reason."""
    for experiment_id, policy in resolved.items():
        log.info(
            "policy.applied",
            experiment_id=str(experiment_id),
            execution_mode=policy.execution_mode.value,
            executed_engine=name_engines(policy.executed),
            shadow_engine=name_engines(policy.shadows),
            reason=policy.reason,
            policy_version=policy.policy_version,
        )


def log_dispatched(entries: Sequence[PricedEntry], opened: Sequence[OpeningPlan]) -> None:
    """Log both engines' decisions and the trades that were opened or denied."""
    for entry in entries:
        dispatch = entry.dispatch
        for answer in entry.answers:
            log.info(
                "decision.recorded",
                signal_id=str(dispatch.signal.signal_id),
                experiment_id=str(dispatch.experiment_id),
                engine=answer.slot.value,
                action=answer.decision.verdict.value,
                context_hash=answer.context_hash,
                error=answer.decision.error,
            )
    for trade in (trade for plan in opened for trade in plan.trades):
        _log_trade(trade)


def log_processed_signals(owned: Sequence[Signal], kept: Collection[UUID]) -> None:
    """Log each signal that is finished."""
    for signal in owned:
        if signal.signal_id in kept:
            log.info("signal.processed", signal_id=str(signal.signal_id), book=signal.book, action=signal.action.value)


def _log_trade(trade: Trade) -> None:
    """Log that a model or real trade was opened, intended or denied."""
    log.info(
        _TRADE_EVENTS[trade.is_shadow, trade.status],
        trade_id=str(trade.trade_id),
        experiment_id=str(trade.experiment_id),
        engine=trade.engine.value,
        side=trade.side.value,
        quantity=str(trade.quantity),
        denial=trade.denial,
    )
