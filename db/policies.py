"""Policy versions of a book (append-only) and the policies resolved for experiments."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from db.core import bulk
from db.core.listing import PageQuery, SortKey
from db.tables.experiments import ExecutionPolicyRow
from domain.decision import EngineSlot
from domain.policy import ExecutionMode, ExecutionPolicy, PolicyVersion, Switch

_COLUMNS = "policy_version_id, book, label, mode, split_ppm, paused, flatten"

VERSIONS = PageQuery(
    select="""
        SELECT policy_version_id, book, label, mode, split_ppm, paused, flatten, set_by, reason, created_at
        FROM policy_versions
    """,
    conditions={"book": "book = :book"},
    order=(SortKey(column="policy_version_id", kind=int, sql="policy_version_id"),),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """Policy version to be appended, with its author and reason; with `switch` None the switch stays as it is."""

    label: str
    mode: ExecutionMode
    split_ppm: int
    set_by: str
    reason: str
    switch: Switch | None = None


def load_current(session: Session, books: Collection[str]) -> dict[str, PolicyVersion]:
    """Return the newest version of each book that has one."""
    query = text(
        f"SELECT DISTINCT ON (book) {_COLUMNS} FROM policy_versions WHERE book = ANY(:books)"
        " ORDER BY book, policy_version_id DESC"
    )
    return {row["book"]: _build_version(row) for row in session.execute(query, {"books": list(set(books))}).mappings()}


def load_by_id(session: Session, ids: Collection[int]) -> dict[int, PolicyVersion]:
    """Return versions by id."""
    query = text(f"SELECT {_COLUMNS} FROM policy_versions WHERE policy_version_id = ANY(:ids)")
    return {
        row["policy_version_id"]: _build_version(row)
        for row in session.execute(query, {"ids": list(set(ids))}).mappings()
    }


def seed(session: Session, book: str, wanted: PolicyChange) -> None:
    """Append the first policy version of a book; one that has a policy keeps it."""
    lock(session, book)
    if book not in load_current(session, [book]):
        append_version(session, book, wanted)


def is_held_in_shadow(session: Session, book: str) -> bool:
    """Return whether the book is SHADOW_ONLY and somebody other than the environment set a version since it is."""
    query = text("""
        SELECT EXISTS (
            SELECT FROM policy_versions AS version
            WHERE book = :book AND mode = 'SHADOW_ONLY' AND set_by <> 'environment' AND NOT EXISTS (
                SELECT FROM policy_versions AS later
                WHERE later.book = :book AND later.policy_version_id > version.policy_version_id
                  AND later.mode <> 'SHADOW_ONLY'))
    """)
    return bool(session.execute(query, {"book": book}).scalar_one())


def append_version(session: Session, book: str, wanted: PolicyChange) -> PolicyVersion:
    """Append a version; a label that is taken gets the next free suffix (`v1`, `v1.2`, `v1.3`, ...).

    Once a version with a paused switch is committed, no entry begins to be submitted: a submission reads the switch
    under the lock that is taken here.
    """
    lock(session, book)
    switch = wanted.switch or _load_switch(session, book)
    query = text("SELECT label FROM policy_versions WHERE book = :book")
    taken = set(session.execute(query, {"book": book}).scalars())
    suffixed = (f"{wanted.label}.{number}" for number in range(2, len(taken) + 3))
    label = wanted.label if wanted.label not in taken else next(name for name in suffixed if name not in taken)
    insert = text(
        "INSERT INTO policy_versions (book, label, mode, split_ppm, set_by, reason, paused, flatten)"
        f" VALUES (:book, :label, :mode, :split_ppm, :set_by, :reason, :paused, :flatten) RETURNING {_COLUMNS}"
    )
    parameters = {
        "book": book,
        "label": label,
        "mode": wanted.mode.value,
        "split_ppm": wanted.split_ppm,
        "set_by": wanted.set_by,
        "reason": wanted.reason,
        "paused": switch is not Switch.ON,
        "flatten": switch is Switch.FLAT,
    }
    return _build_version(session.execute(insert, parameters).mappings().one())


def lock(session: Session, book: str) -> None:
    """Lock a book's policy until the transaction ends: nobody else changes it, and no order of the book begins."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('policy:' || :book, 0))"), {"book": book})


def load_history(session: Session, book: str) -> list[dict[str, Any]]:
    """Return all versions of a book with their authors, reasons and times, newest first."""
    query = text(
        "SELECT label, mode, split_ppm, paused, flatten, set_by, reason, created_at FROM policy_versions"
        " WHERE book = :book ORDER BY policy_version_id DESC"
    )
    return [dict(row) for row in session.execute(query, {"book": book}).mappings()]


def record(session: Session, resolved: Mapping[UUID, ExecutionPolicy]) -> None:
    """Insert the resolved policy of each experiment; the first one written stays."""
    bulk.insert(
        session, ExecutionPolicyRow, [_build_row(experiment_id, policy) for experiment_id, policy in resolved.items()]
    )


def load(session: Session, experiment_ids: Collection[UUID]) -> dict[UUID, ExecutionPolicy]:
    """Return the resolved policy of each experiment."""
    query = text(
        "SELECT experiment_id, execution_mode, allocations, reason, policy_version FROM execution_policies"
        " WHERE experiment_id = ANY(:ids)"
    )
    return {row.experiment_id: _build_policy(row) for row in session.execute(query, {"ids": list(experiment_ids)})}


def policy_id_for(experiment_id: UUID) -> UUID:
    """Derive the id of an experiment's policy, so that a rerun writes the same row."""
    return uuid5(experiment_id, "policy")


def name_engines(slots: Sequence[EngineSlot]) -> str:
    """Return the stored name of a set of engines: A, B, BOTH or NONE."""
    if not slots:
        return "NONE"
    return slots[0].value if len(slots) == 1 else "BOTH"


def _build_row(experiment_id: UUID, policy: ExecutionPolicy) -> dict[str, Any]:
    return {
        "policy_id": policy_id_for(experiment_id),
        "experiment_id": experiment_id,
        "execution_mode": policy.execution_mode.value,
        "executed_engine": name_engines(policy.executed),
        "shadow_engine": name_engines(policy.shadows),
        "allocations": {slot.value: f"{share:f}" for slot, share in policy.allocations.items()},
        "reason": policy.reason,
        "policy_version": policy.policy_version,
    }


def _build_policy(row: Any) -> ExecutionPolicy:
    return ExecutionPolicy(
        execution_mode=ExecutionMode(row.execution_mode),
        allocations={EngineSlot(slot): Decimal(share) for slot, share in row.allocations.items()},
        reason=row.reason,
        policy_version=row.policy_version,
    )


def _build_version(row: RowMapping) -> PolicyVersion:
    return PolicyVersion(**{**row, "mode": ExecutionMode(row["mode"])})


def _load_switch(session: Session, book: str) -> Switch:
    """Return the switch of a book's newest policy; a book without one is switched on."""
    present = load_current(session, [book]).get(book)
    return Switch.ON if present is None else present.switch
