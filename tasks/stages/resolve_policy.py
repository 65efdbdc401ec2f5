"""Stage 3: resolve which engine may trade each entry for real."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from db import experiments, live, policies, signals
from db.core.session import Session
from db.queries import backlog
from domain import policy
from domain.books import is_replay_book
from domain.policy import ExecutionPolicy
from domain.signal import Flag, Signal, Stage
from domain.trade import experiment_id_for
from tasks.base_task import StageBatch, stage_task
from tasks.parts import Parts
from tasks.stages import log_events


@stage_task(Stage.POLICY_RESOLVED)
def resolve_policy(parts: Parts, batch: StageBatch) -> int:
    """Store which engine may trade each entry for real, with the reason.

    Entries that wait for engines outside our own code are handed over to whichever chain asks them next.
    """
    with parts.transaction() as session:
        owned = batch.claim(session)
        entries = [signal for signal in owned if signal.is_entry]
        resolved = build_execution_policies(session, entries, parts)
        policies.record(session, resolved)
        signals.advance(session, [signal.signal_id for signal in owned], lease=batch.lease, to=batch.stage)
        if parts.settings.longest_deadline_s:
            signals.hand_over(session, [signal.signal_id for signal in entries], lease=batch.lease)
    log_events.log_applied_policies(resolved)
    return len(owned)


def build_execution_policies(session: Session, entries: Sequence[Signal], parts: Parts) -> dict[UUID, ExecutionPolicy]:
    """Resolve each entry's policy, by experiment id, under the policy version that it was assigned with."""
    assignments = experiments.load(session, [signal.signal_id for signal in entries])
    versions = policies.load_by_id(session, {assignment.policy_version_id for assignment in assignments.values()})
    denial_reasons, available = find_denial_reasons(session, entries, parts), parts.engines.available
    return {
        experiment_id_for(signal.signal_id): policy.resolve(
            versions[assignments[signal.signal_id].policy_version_id],
            variant=assignments[signal.signal_id].variant,
            available=available,
            denied_for=denial_reasons.get(signal.signal_id),
        )
        for signal in entries
    }


def find_denial_reasons(session: Session, entries: Sequence[Signal], parts: Parts) -> dict[UUID, str]:
    """Return why signals must not trade for real, by signal id; of several reasons the last of this order.

    `overload`: too many signals wait. `expired_stale`: processed too late. `stale_signal`: the alert was old when it
    came. `not_live`: the book has a venue and is not live.
    """
    timely = [signal for signal in entries if not is_replay_book(signal.book)]
    reasons: dict[UUID, str] = {}
    if timely and backlog.is_overloaded(session, most=parts.settings.overload_signals):
        reasons |= dict.fromkeys((signal.signal_id for signal in timely), "overload")
    late = backlog.find_too_old(
        session, [signal.signal_id for signal in timely], max_age_s=parts.settings.real_max_age_s
    )
    reasons |= dict.fromkeys(late, "expired_stale")
    reasons |= {signal.signal_id: "stale_signal" for signal in entries if Flag.STALE.value in signal.flags}
    at_venue = [signal.signal_id for signal in entries if signal.book in parts.venue_books]
    return reasons | dict.fromkeys(at_venue if at_venue and not live.is_enabled(session) else (), "not_live")
