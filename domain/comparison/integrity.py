"""Integrity checks of a study: stored assignments recompute, and decisions name the stored snapshots."""

from __future__ import annotations

from dataclasses import dataclass

from domain.comparison import srm
from domain.comparison.record import StudyEntry, StudyRecord
from domain.exits import ExitReason
from domain.experiment import PPM, Assignment, AssignmentInputInvalid, Purpose, choose_variant, draw
from domain.study import ExitClock

PRICE_JUMP = ExitReason.PRICE_JUMP.value


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonHealth:
    """Results of the integrity checks; the counts of mismatches must be 0.

    `srm_p` is the anytime-valid p of the assignment balance, `unresolved` counts entry signals that are not a pair yet,
    `price_jumps` those of which a trade ended before a jump that looks like a split or bad data, or was denied for one.
    """

    srm_p: float
    hash_mismatches: int
    context_mismatches: int
    unresolved: int
    price_jumps: int = 0


def is_assignment_reproducible(stored: Assignment, *, salt: str, signal_hash: str) -> bool:
    """Return whether hash, bucket, variant and the engine asked first follow from the study's salt and the signal."""
    fields = {"salt": salt, "signal_id": str(stored.signal_id), "signal_hash": signal_hash}
    try:
        variant, order = (draw(purpose=purpose, **fields) for purpose in (Purpose.VARIANT, Purpose.ORDER))
    except AssignmentInputInvalid:
        return False
    return (stored.assignment_hash, stored.bucket_ppm, stored.variant, stored.first_asked) == (
        variant.digest,
        variant.bucket_ppm,
        choose_variant(variant.bucket_ppm, split_ppm=stored.split_ppm),
        choose_variant(order.bucket_ppm, split_ppm=PPM // 2),
    )


def check_integrity(record: StudyRecord, *, clock: ExitClock) -> ComparisonHealth:
    """Recompute every assignment, compare every snapshot hash and count the entries that have not ended."""
    salt = record.study.salt
    reproducible = (
        is_assignment_reproducible(entry.assignment, salt=salt, signal_hash=entry.signal_hash)
        for entry in record.entries
    )
    return ComparisonHealth(
        srm_p=srm.compute_study_p(record),
        hash_mismatches=sum(not is_reproducible for is_reproducible in reproducible),
        context_mismatches=sum(not entry.shares_context for entry in record.entries),
        unresolved=record.unassigned + sum(not entry.is_final(clock) for entry in record.entries),
        price_jumps=sum(_met_price_jump(entry) for entry in record.entries),
    )


def _met_price_jump(entry: StudyEntry) -> bool:
    """Return whether a jump in prices ended or denied a model trade of an entry."""
    outcomes = (outcome for side in entry.sides.values() for outcome in side.model.values())
    return any(outcome.exit_reason == PRICE_JUMP for outcome in outcomes)
