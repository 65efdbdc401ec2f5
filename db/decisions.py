"""Decisions: the answers of the engines, stored unmodified and once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from db.core import bulk
from db.dispatches import Dispatch
from db.plans import plan_to_json
from db.tables.experiments import DecisionRow
from domain.decision import EngineAnswer, EngineSlot


def record(session: Session, pairs: Iterable[tuple[Dispatch, tuple[EngineAnswer, EngineAnswer]]]) -> None:
    """Write both answers of each dispatch; an engine's first answer stays."""
    rows = [_build_row(dispatch.experiment_id, answer) for dispatch, answers in pairs for answer in answers]
    bulk.insert(session, DecisionRow, rows)


def decision_id_for(experiment_id: UUID, engine: EngineSlot) -> UUID:
    """Derive a decision's id from its experiment and its engine, so that a rerun writes the same row."""
    return uuid5(experiment_id, f"decision:{engine.value}")


def _build_row(experiment_id: UUID, answer: EngineAnswer) -> dict[str, Any]:
    decision, plan = answer.decision, answer.decision.plan
    return {
        "decision_id": decision_id_for(experiment_id, answer.slot),
        "experiment_id": experiment_id,
        "engine": answer.slot.value,
        "engine_name": answer.engine,
        "engine_version": answer.version,
        "context_hash": answer.context_hash,
        "action": decision.verdict.value,
        "side": plan and plan.side.value,
        "quantity": plan and plan.quantity,
        "stop": plan and plan.stop,
        "plan": plan and plan_to_json(plan),
        "confidence": decision.confidence,
        "reasons": list(decision.reasons),
        "rationale": dict(decision.rationale),
        "latency_ms": answer.latency_ms,
        "error": decision.error,
    }
