"""Rules about hashes: assignments and snapshots recompute from what is stored."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from db import contexts, experiments
from db.verification.rule import RecomputationRule, VerificationRule
from domain import canonical, context_builder
from domain.comparison import integrity

_AT_ONCE = 1000


def assignments_that_differ(session: Session) -> Iterator[str]:
    """Yield the experiments whose hash, bucket, variant or order of asking does not follow from salt and signal."""
    query = text("""
        SELECT e.experiment_id, e.signal_id, s.signal_hash, t.salt
        FROM experiments e JOIN signals s USING (signal_id) JOIN studies t USING (study_id)
    """)
    for part in session.execute(query).partitions(_AT_ONCE):
        stored = experiments.load(session, [row.signal_id for row in part])
        for row in part:
            if not integrity.is_assignment_reproducible(
                stored[row.signal_id], salt=row.salt, signal_hash=row.signal_hash
            ):
                yield str(row.experiment_id)


def contexts_that_differ(session: Session) -> Iterator[str]:
    """Yield the contexts whose hash, or whose bars' hash, does not follow from what is stored."""
    spoiled = set(_windows_that_differ(session))
    query = text("SELECT * FROM market_contexts")
    for row in session.execute(query, execution_options={"yield_per": _AT_ONCE}).mappings():
        if row["window_hash"] in spoiled or not _recomputes(row):
            yield str(row["context_id"])


def _recomputes(row: RowMapping) -> bool:
    """Say whether a context's hash follows from its columns; bid and ask are stored beside the hashed quote."""
    document = contexts.build_document(row)
    quote = {name: None if row[name] is None else canonical.format_number(row[name]) for name in ("bid", "ask")}
    hashed: dict[str, str | None] = document["quote"]
    return quote.items() <= hashed.items() and context_builder.hash_context_document(document) == row["context_hash"]


def _windows_that_differ(session: Session) -> Iterator[str]:
    query = text("SELECT window_hash, document FROM bar_windows")
    for row in session.execute(query, execution_options={"yield_per": _AT_ONCE}):
        if context_builder.hash_window_document(row.document) != row.window_hash:
            yield row.window_hash


RULES: tuple[VerificationRule, ...] = (
    RecomputationRule(
        "assignment_recomputes",
        "variant, bucket and hash of an experiment recompute from its study's salt and its signal",
        assignments_that_differ,
    ),
    RecomputationRule(
        "context_hash_recomputes",
        "the hash of a snapshot and of its bars recomputes from what is stored",
        contexts_that_differ,
    ),
)
