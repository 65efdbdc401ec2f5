"""Stage 2: assign a variant, A or B, to each entry signal."""

from __future__ import annotations

from collections.abc import Sequence

from db import books, experiments, policies, signals, studies
from db.core.session import Session
from domain import experiment
from domain.experiment import Assignment
from domain.signal import Signal, Stage
from tasks.base_task import StageBatch, stage_task
from tasks.parts import Parts
from tasks.stages import log_events


@stage_task(Stage.VARIANT_ASSIGNED)
def assign_variant(parts: Parts, batch: StageBatch) -> int:
    """Give each entry signal its variant; a rerun leaves the first assignment in place."""
    with parts.transaction() as session:
        owned = batch.claim(session)
        assignments = build_assignments(session, [signal for signal in owned if signal.is_entry])
        experiments.record(session, assignments)
        signal_ids = [signal.signal_id for signal in owned]
        signals.advance(session, signal_ids, lease=batch.lease, to=batch.stage, experiments_of=assignments)
    log_events.log_created_experiments(assignments)
    return len(owned)


def build_assignments(session: Session, entries: Sequence[Signal]) -> list[Assignment]:
    """Assign each entry under its book's running study and the policy in force."""
    book_names = {signal.book for signal in entries}
    study_by_book = studies.load_running(session, book_names)
    policy_by_book = policies.load_current(session, book_names)
    book_by_name = books.load(session, book_names)
    return [
        experiment.assign(
            study_by_book[signal.book],
            policy_by_book[signal.book],
            signal=signal,
            reference_notional=book_by_name[signal.book].reference_capital,
        )
        for signal in entries
    ]
