"""Operations on a book's execution policy: setting it, and pausing, flattening or resuming real trading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from db import policies
from db.core import listing
from db.core.session import Session
from db.policies import PolicyChange
from db.queries import real_exposure
from db.queries.real_exposure import RealExposure
from domain.books import is_replay_book
from domain.experiment import PPM
from domain.policy import ExecutionMode, PolicyVersion, Switch
from operations.audit_entry import AuditContext


class NoPolicy(ValueError):
    """There is no book of that name that has a policy."""


class NoSwitch(ValueError):
    """There is no book of that name with a switch for real trading; a replay has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRequest:
    """Wanted values of a new policy version; None keeps the present value. A label that is taken gets a suffix."""

    mode: ExecutionMode | None = None
    split_ppm: int | None = None
    label: str | None = None


class FlattenUnfinished(ValueError):
    """A book is being flattened and something real is still open; `trades` and `orders` are how many."""

    def __init__(self, book: str, exposure: RealExposure) -> None:
        open_now = f"{exposure.trades} real positions and {exposure.orders} entry orders are still open"
        super().__init__(f"{book} is being flattened, and {open_now}")
        self.trades = exposure.trades
        self.orders = exposure.orders


class NotFlattening(ValueError):
    """A book is not being flattened, so there is nothing to end."""

    def __init__(self, book: str, switch: Switch) -> None:
        super().__init__(f"{book} is not being flattened: its switch is {switch.value}")


def set_policy(session: Session, book: str, request: PolicyRequest, *, audit: AuditContext) -> dict[str, Any]:
    """Put a new version in force for new experiments, and return its document; the switch stays as it is.

    Raises:
        NoPolicy
    """
    present = _lock_present(session, book)
    version = policies.append_version(
        session,
        book,
        PolicyChange(
            label=request.label or _strip_suffix(present.label),
            mode=request.mode or present.mode,
            split_ppm=present.split_ppm if request.split_ppm is None else request.split_ppm,
            set_by=audit.actor,
            reason=audit.reason,
        ),
    )
    audit.write_entry(
        session,
        "policy.set",
        book,
        policy_version=version.label,
        mode=version.mode.value,
        split_ppm=version.split_ppm,
    )
    return _load_newest_document(session, book)


def pause(session: Session, book: str, *, audit: AuditContext) -> dict[str, Any]:
    """Send no new real entries of a book; once this is committed, no entry begins to be sent.

    A book that is being flattened goes on being flattened.

    Returns:
        `policy`: the version now in force; `changed`: whether this put it in force; `open`: how many real trades are
        open and entry orders are on their way.

    Raises:
        NoSwitch
    """
    return _tighten_switch(session, book, Switch.PAUSED, audit=audit)


def flatten(session: Session, book: str, *, audit: AuditContext) -> dict[str, Any]:
    """Pause a book and let the exits worker close everything that is open for real; returns and raises as `pause`."""
    return _tighten_switch(session, book, Switch.FLAT, audit=audit)


def resume(session: Session, book: str, *, audit: AuditContext) -> dict[str, Any]:
    """Send real entries of a book again, for new experiments; returns as `pause`.

    Raises:
        NoSwitch
        FlattenUnfinished: `end_flatten` comes first, since this would leave open what is to be closed.
    """
    present = _lock_switchable(session, book)
    exposure = real_exposure.count_exposure(session, book)
    if present.switch is Switch.FLAT and exposure.is_open:
        raise FlattenUnfinished(book, exposure)
    return _put_switch(session, present, Switch.ON, action="policy.on", audit=audit)


def end_flatten(session: Session, book: str, *, audit: AuditContext) -> dict[str, Any]:
    """Stop closing what is open for real; the book stays paused. `open` counts what is left open.

    Returns:
        As `pause`.

    Raises:
        NoSwitch
        NotFlattening
    """
    present = _lock_switchable(session, book)
    if present.switch is not Switch.FLAT:
        raise NotFlattening(book, present.switch)
    return _put_switch(session, present, Switch.PAUSED, action="policy.flatten_ended", audit=audit)


def list_versions(session: Session, book: str) -> list[dict[str, Any]]:
    """Return the documents of all versions of a book's policy, newest first."""
    return [document(row) for row in policies.load_history(session, book)]


def document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy version as a document; `created_at` is a datetime."""
    return {
        "policy_version": row["label"],
        "mode": row["mode"],
        "switch": "flat" if row["flatten"] else "paused" if row["paused"] else "on",
        "split": float(Decimal(row["split_ppm"]) / PPM),
        "set_by": row["set_by"],
        "reason": row["reason"],
        "created_at": row["created_at"],
    }


def _tighten_switch(session: Session, book: str, wanted: Switch, *, audit: AuditContext) -> dict[str, Any]:
    """Put the wanted position in force, unless the present one is stronger."""
    present = _lock_switchable(session, book)
    action = f"policy.{wanted.value}"
    return _put_switch(session, present, present.switch.tighten(wanted), action=action, audit=audit)


def _put_switch(
    session: Session, present: PolicyVersion, switch: Switch, *, action: str, audit: AuditContext
) -> dict[str, Any]:
    """Append a version with the switch when it differs, and write the audit entry either way."""
    change = PolicyChange(
        label=_strip_suffix(present.label),
        mode=present.mode,
        split_ppm=present.split_ppm,
        set_by=audit.actor,
        reason=audit.reason,
        switch=switch,
    )
    changed = switch is not present.switch
    version = policies.append_version(session, present.book, change) if changed else present
    left = real_exposure.count_exposure(session, present.book)
    audit.write_entry(
        session,
        action,
        present.book,
        policy_version=version.label,
        switch=version.switch.value,
        open_trades=left.trades,
        open_orders=left.orders,
    )
    return {
        "policy": _load_newest_document(session, present.book),
        "changed": changed,
        "open": {"trades": left.trades, "orders": left.orders},
    }


def _lock_switchable(session: Session, book: str) -> PolicyVersion:
    """Lock the policy of a book that trades for real, and return the version in force."""
    if is_replay_book(book):
        raise NoSwitch(book)
    try:
        return _lock_present(session, book)
    except NoPolicy:
        raise NoSwitch(book) from None


def _lock_present(session: Session, book: str) -> PolicyVersion:
    """Lock a book's policy, so that nobody changes it before the transaction ends, and return the version in force."""
    policies.lock(session, book)
    present = policies.load_current(session, [book]).get(book)
    if present is None:
        raise NoPolicy(book)
    return present


def _load_newest_document(session: Session, book: str) -> dict[str, Any]:
    (row,) = listing.load_page(session, policies.VERSIONS, filters={"book": book}, limit=1)
    return document(row)


def _strip_suffix(label: str) -> str:
    """Return a version's label without the suffix that made it unique."""
    return label.partition(".")[0]
