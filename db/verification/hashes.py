"""Rules about hashes: assignments and snapshots can be recomputed from their rows."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from db import contexts, experiments
from db.verification.rule import RecomputationRule, VerificationRule
from domain import canonical, context_builder
from domain.comparison import integrity

_BATCH_SIZE = 1000


def find_wrong_assignments(session: Session) -> Iterator[str]:
    """Yield the ids of experiments whose hash, bucket, variant or first engine does not follow from salt and signal."""
    query = text("""
        SELECT e.experiment_id, e.signal_id, s.signal_hash, t.salt
        FROM experiments e JOIN signals s USING (signal_id) JOIN studies t USING (study_id)
    """)
    for batch in session.execute(query).partitions(_BATCH_SIZE):
        stored = experiments.load(session, [row.signal_id for row in batch])
        for row in batch:
            if not integrity.is_assignment_reproducible(
                stored[row.signal_id], salt=row.salt, signal_hash=row.signal_hash
            ):
                yield str(row.experiment_id)


def find_wrong_contexts(session: Session) -> Iterator[str]:
    """Yield the ids of contexts whose hash, or whose window's hash, does not follow from their rows."""
    wrong_windows = set(_find_wrong_windows(session))
    query = text("SELECT * FROM market_contexts")
    for row in session.execute(query, execution_options={"yield_per": _BATCH_SIZE}).mappings():
        if row["window_hash"] in wrong_windows or not _is_hash_correct(row):
            yield str(row["context_id"])


def _is_hash_correct(row: RowMapping) -> bool:
    """Return whether a context's hash follows from its columns; bid and ask are stored beside the hashed quote, too."""
    document = contexts.build_document(row)
    quote = {name: None if row[name] is None else canonical.format_number(row[name]) for name in ("bid", "ask")}
    hashed_quote: dict[str, str | None] = document["quote"]
    return (
        quote.items() <= hashed_quote.items() and context_builder.hash_context_document(document) == row["context_hash"]
    )


def _find_wrong_windows(session: Session) -> Iterator[str]:
    """Yield the hashes of windows whose document has another hash."""
    query = text("SELECT window_hash, document FROM bar_windows")
    for row in session.execute(query, execution_options={"yield_per": _BATCH_SIZE}):
        if context_builder.hash_window_document(row.document) != row.window_hash:
            yield row.window_hash


RULES: tuple[VerificationRule, ...] = (
    RecomputationRule(
        "assignment_recomputes",
        "variant, bucket and hash of an experiment recompute from its study's salt and its signal",
        find_wrong_assignments,
    ),
    RecomputationRule(
        "context_hash_recomputes",
        "the hash of a snapshot and of its bars recomputes from what is stored",
        find_wrong_contexts,
    ),
)
