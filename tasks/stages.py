"""The five stages: claim, load, one pure call per signal, record, advance, commit, log; each says how many went on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import structlog

from db import contexts, decisions, dispatches, experiments, orders, outcomes, policies, signals
from db.signals import Lease
from domain.signal import Signal, Stage
from tasks import assigning, exit_settlement, openings, order_submission, stages_log_events, viewing
from tasks.base_task import stage_task
from tasks.failpoints import reach
from tasks.parts import Parts

ENGINE_DEADLINE_S = 5.0
log = structlog.get_logger()


@stage_task(Stage.CONTEXT_CAPTURED)
def snapshot_context(parts: Parts, ids: list[UUID], lease: Lease) -> int:
    """Freeze the market as each signal's arrival saw it."""
    with parts.transaction() as session:
        owned = signals.claim(session, ids, lease=lease, for_stage=Stage.CONTEXT_CAPTURED)
        stakes = viewing.stakes(session, owned)
    reach(parts.settings.failpoint_dir, "snapshot_context", _ids(owned))
    built = viewing.freeze(parts, owned, stakes)
    with parts.transaction() as session:
        kept = signals.still_owned(session, _ids(owned), lease=lease, for_stage=Stage.CONTEXT_CAPTURED)
        contexts.record(session, [one for one in built if one.signal_id in kept])
        signals.advance(session, kept, lease=lease, to=Stage.CONTEXT_CAPTURED)
    stages_log_events.contexts_captured(built, kept)
    return len(kept)


@stage_task(Stage.VARIANT_ASSIGNED)
def assign_variant(parts: Parts, ids: list[UUID], lease: Lease) -> int:
    """Give each entry signal its variant; a rerun leaves the first assignment in place."""
    with parts.transaction() as session:
        owned = signals.claim(session, ids, lease=lease, for_stage=Stage.VARIANT_ASSIGNED)
        reach(parts.settings.failpoint_dir, "assign_variant", _ids(owned))
        assigned = assigning.assign(session, [one for one in owned if one.is_entry])
        experiments.record(session, assigned)
        signals.advance(session, _ids(owned), lease=lease, to=Stage.VARIANT_ASSIGNED, experiments_of=assigned)
    stages_log_events.experiments_created(assigned)
    return len(owned)


@stage_task(Stage.POLICY_RESOLVED)
def resolve_policy(parts: Parts, ids: list[UUID], lease: Lease) -> int:
    """Say which engine may trade each entry for real, and why."""
    with parts.transaction() as session:
        owned = signals.claim(session, ids, lease=lease, for_stage=Stage.POLICY_RESOLVED)
        reach(parts.settings.failpoint_dir, "resolve_policy", _ids(owned))
        resolved = assigning.resolve(session, [one for one in owned if one.is_entry], parts)
        policies.record(session, resolved)
        signals.advance(session, _ids(owned), lease=lease, to=Stage.POLICY_RESOLVED)
    stages_log_events.policies_applied(resolved)
    return len(owned)


@stage_task(Stage.DISPATCHED)
def dispatch_engines(parts: Parts, ids: list[UUID], lease: Lease) -> int:
    """Close what the signals close, ask both engines about the entries, and record what follows.

    A signal that closes a side waits until earlier entries of that side are dispatched; what cannot go on in this
    batch is given back for a moment.
    """
    waiting, before, went_on = tuple(ids), len(ids) + 1, 0
    while waiting and len(waiting) < before:
        before = len(waiting)
        waiting, kept = _dispatch_ready(parts, waiting, lease)
        went_on += kept
    if waiting:
        with parts.transaction() as session:
            signals.defer(session, waiting, lease=lease)
        log.info("signals.deferred", count=len(waiting))
    return went_on


@stage_task(Stage.OUTCOME_RECORDED)
def record_outcome(parts: Parts, ids: list[UUID], lease: Lease) -> int:
    """Send what is to be traded for real, record the results that are final, and finish the signals."""
    with parts.transaction() as session:
        owned = signals.claim(session, ids, lease=lease, for_stage=Stage.OUTCOME_RECORDED)
        experiment_ids = assigning.experiment_ids(owned)
        to_send = orders.open_entries(session, experiment_ids)
    reach(parts.settings.failpoint_dir, "record_outcome", _ids(owned))
    order_submission.submit(parts, to_send)
    exit_settlement.catch_up(parts, experiment_ids)
    with parts.transaction() as session:
        kept = signals.still_owned(session, _ids(owned), lease=lease, for_stage=Stage.OUTCOME_RECORDED)
        outcomes.record_zeros(session, outcomes.missing_zeros(session, experiment_ids))
        signals.finish(session, kept, lease=lease)
    stages_log_events.processed(owned, kept)
    return len(kept)


def _dispatch_ready(parts: Parts, ids: Sequence[UUID], lease: Lease) -> tuple[tuple[UUID, ...], int]:
    """Dispatch what can go on; return those that must wait, and how many went on."""
    with parts.transaction() as session:
        batch = dispatches.ready(session, signals.claim(session, ids, lease=lease, for_stage=Stage.DISPATCHED))
    reach(parts.settings.failpoint_dir, "dispatch_engines", (*batch.ready, *batch.waiting))
    exit_settlement.close(parts, batch.closings)
    answers = parts.engines.decide_all([one.question for one in batch.asked], deadline_s=ENGINE_DEADLINE_S)
    with parts.transaction() as session:
        kept = signals.still_owned(session, batch.ready, lease=lease, for_stage=Stage.DISPATCHED)
        pairs = [pair for pair in zip(batch.asked, answers, strict=True) if pair[0].signal.signal_id in kept]
        decisions.record(session, pairs)
        opened = openings.record(session, parts, pairs)
        signals.advance(session, kept, lease=lease, to=Stage.DISPATCHED)
    stages_log_events.dispatched(pairs, opened)
    return batch.waiting, len(kept)


def _ids(owned: Iterable[Signal]) -> list[UUID]:
    return [one.signal_id for one in owned]
