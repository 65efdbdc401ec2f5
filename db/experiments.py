"""Experiments: the stored assignment of each entry signal; the first one written stays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import bulk
from db.core.listing import PageQuery, SortKey
from db.tables.experiments import ExperimentRow
from domain.decision import EngineSlot
from domain.experiment import PPM, Assignment
from domain.trade import experiment_id_for

EXPERIMENTS = PageQuery(
    select="""
        SELECT e.experiment_id, e.signal_id, e.study_id, studies.name AS study, signals.book, signals.symbol,
               signals.direction, e.variant, e.bucket, e.split_percentage, e.first_asked, e.assignment_hash,
               e.reference_notional, e.policy_version, p.execution_mode, p.executed_engine, p.shadow_engine, p.reason,
               e.created_at
        FROM experiments AS e JOIN signals USING (signal_id) JOIN studies USING (study_id)
            LEFT JOIN execution_policies AS p ON p.experiment_id = e.experiment_id
    """,
    conditions={
        "book": "signals.book = :book",
        "study": "e.study_id = :study",
        "variant": "e.variant = :variant",
        "symbol": "signals.symbol = :symbol",
    },
    order=(
        SortKey(column="created_at", kind=datetime, sql="e.created_at"),
        SortKey(column="experiment_id", kind=UUID, sql="e.experiment_id"),
    ),
)


def record(session: Session, assignments: Sequence[Assignment]) -> None:
    """Write the assignments; a signal that has one keeps it."""
    rows = [
        {
            "experiment_id": experiment_id_for(assignment.signal_id),
            "signal_id": assignment.signal_id,
            "study_id": assignment.study_id,
            "variant": assignment.variant.value,
            "assignment_hash": assignment.assignment_hash,
            "bucket": assignment.bucket_ppm,
            "split_percentage": Decimal(assignment.split_ppm) / PPM,
            "first_asked": assignment.first_asked.value,
            "reference_notional": assignment.reference_notional,
            "policy_version_id": assignment.policy_version_id,
            "policy_version": assignment.policy_version,
        }
        for assignment in assignments
    ]
    bulk.insert(session, ExperimentRow, rows)


def load(session: Session, signal_ids: Collection[UUID]) -> dict[UUID, Assignment]:
    """Return the stored assignment of each signal that has one."""
    query = text("""
        SELECT signal_id, study_id, variant, assignment_hash, bucket, split_percentage, first_asked,
               reference_notional, policy_version_id, policy_version
        FROM experiments WHERE signal_id = ANY(:ids)
    """)
    return {row.signal_id: _build_assignment(row) for row in session.execute(query, {"ids": list(signal_ids)})}


def _build_assignment(row: Any) -> Assignment:
    return Assignment(
        signal_id=row.signal_id,
        study_id=row.study_id,
        variant=EngineSlot(row.variant),
        assignment_hash=row.assignment_hash,
        bucket_ppm=row.bucket,
        split_ppm=int(row.split_percentage * PPM),
        first_asked=EngineSlot(row.first_asked),
        reference_notional=row.reference_notional,
        policy_version_id=row.policy_version_id,
        policy_version=row.policy_version,
    )
