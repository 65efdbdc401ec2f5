"""What the pipeline says of its work: one static event per fact, ids rather than objects."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import structlog

from db.dispatches import Dispatch
from db.policies import named
from domain.context import MarketContext
from domain.decision import EngineAnswer
from domain.experiment import Assignment
from domain.policy import ExecutionPolicy
from domain.signal import Signal
from domain.trade import Trade, TradeStatus, experiment_id_for
from domain.trade_opening import OpeningPlan

log = structlog.get_logger()

_TRADE_EVENTS = {
    (True, TradeStatus.OPEN): "shadow_trade.opened",
    (True, TradeStatus.DENIED): "shadow_trade.denied",
    (False, TradeStatus.PENDING): "real_trade.intended",
    (False, TradeStatus.DENIED): "real_trade.denied",
}


def contexts_captured(built: Sequence[MarketContext], kept: Collection[UUID]) -> None:
    """Say which contexts were frozen."""
    for one in built:
        if one.signal_id in kept:
            log.info("context.captured", signal_id=str(one.signal_id), context_hash=one.context_hash)


def experiments_created(assigned: Sequence[Assignment]) -> None:
    """Say which variant each experiment got, and from what."""
    for one in assigned:
        log.info(
            "experiment.created",
            signal_id=str(one.signal_id),
            experiment_id=str(experiment_id_for(one.signal_id)),
            variant=one.variant.value,
            assignment_hash=one.assignment_hash,
            bucket=one.bucket_ppm,
            split_ppm=one.split_ppm,
            policy_version=one.policy_version,
        )


def policies_applied(resolved: Mapping[UUID, ExecutionPolicy]) -> None:
    """Say who may trade each experiment for real, and why."""
    for experiment_id, policy in resolved.items():
        log.info(
            "policy.applied",
            experiment_id=str(experiment_id),
            execution_mode=policy.execution_mode.value,
            executed_engine=named(policy.executed),
            shadow_engine=named(policy.shadows),
            reason=policy.reason,
            policy_version=policy.policy_version,
        )


def dispatched(
    pairs: Sequence[tuple[Dispatch, tuple[EngineAnswer, EngineAnswer]]], opened: Sequence[OpeningPlan]
) -> None:
    """Say what both engines decided and which trades opened or were denied."""
    for one, answers in pairs:
        for answer in answers:
            log.info(
                "decision.recorded",
                signal_id=str(one.signal.signal_id),
                experiment_id=str(one.experiment_id),
                engine=answer.slot.value,
                action=answer.decision.verdict.value,
                context_hash=answer.context_hash,
                error=answer.decision.error,
            )
    for trade in (trade for plan in opened for trade in plan.trades):
        _trade(trade)


def processed(owned: Sequence[Signal], kept: Collection[UUID]) -> None:
    """Say which signals are finished."""
    for one in owned:
        if one.signal_id in kept:
            log.info("signal.processed", signal_id=str(one.signal_id), book=one.book, action=one.action.value)


def _trade(trade: Trade) -> None:
    log.info(
        _TRADE_EVENTS[trade.is_shadow, trade.status],
        trade_id=str(trade.trade_id),
        experiment_id=str(trade.experiment_id),
        engine=trade.engine.value,
        side=trade.side.value,
        quantity=str(trade.quantity),
        denial=trade.denial,
    )
