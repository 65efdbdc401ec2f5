"""Assignment and policy of a batch of entry signals, from what the database says now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from db import books, experiments, live, policies, studies
from db.core.session import Session
from db.queries import backlog
from domain import experiment, policy
from domain.books import is_replay_book
from domain.experiment import Assignment
from domain.policy import ExecutionPolicy
from domain.signal import Flag, Signal
from domain.trade import experiment_id_for
from tasks.parts import Parts


def assign(session: Session, entries: Sequence[Signal]) -> list[Assignment]:
    """Draw each entry's variant under its book's running study and the policy in force."""
    named = {one.book for one in entries}
    study, rule = studies.running(session, named), policies.current(session, named)
    book = books.load(session, named)
    return [
        experiment.assign(
            study[one.book], rule[one.book], signal=one, reference_notional=book[one.book].reference_capital
        )
        for one in entries
    ]


def resolve(session: Session, entries: Sequence[Signal], parts: Parts) -> dict[UUID, ExecutionPolicy]:
    """Resolve each entry's policy under the version it was assigned with, by experiment."""
    assigned = experiments.load(session, [one.signal_id for one in entries])
    rule = policies.by_id(session, {one.policy_version_id for one in assigned.values()})
    forbidden, available = _forbidden(session, entries, parts), parts.engines.available
    return {
        experiment_id_for(one.signal_id): policy.resolve(
            rule[assigned[one.signal_id].policy_version_id],
            variant=assigned[one.signal_id].variant,
            available=available,
            denied_for=forbidden.get(one.signal_id),
        )
        for one in entries
    }


def _forbidden(session: Session, entries: Sequence[Signal], parts: Parts) -> dict[UUID, str]:
    """Return why signals must not trade for real.

    They were told too late, are processed too late, too many are waiting, or their book has a venue and is not live.
    """
    timely = [one for one in entries if not is_replay_book(one.book)]
    found: dict[UUID, str] = {}
    if timely and backlog.is_overloaded(session, most=parts.settings.overload_signals):
        found |= dict.fromkeys((one.signal_id for one in timely), "overload")
    late = backlog.too_old(session, [one.signal_id for one in timely], max_age_s=parts.settings.real_max_age_s)
    found |= dict.fromkeys(late, "expired_stale")
    found |= {one.signal_id: "stale_signal" for one in entries if Flag.STALE.value in one.flags}
    at_venue = [one.signal_id for one in entries if one.book in parts.venue_books]
    return found | dict.fromkeys(at_venue if at_venue and not live.is_on(session) else (), "not_live")


def experiment_ids(owned: Collection[Signal]) -> list[UUID]:
    """Return the experiments of the entries among these signals."""
    return [experiment_id_for(one.signal_id) for one in owned if one.is_entry]
