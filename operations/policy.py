"""Operations on a book's execution policy: setting it, and pausing, flattening or resuming real trading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from db import books, policies
from db.core import listing
from db.core.session import Session
from db.policies import PolicyChange
from db.queries import real_exposure
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


def set_policy(session: Session, book: str, request: PolicyRequest, *, audit: AuditContext) -> dict[str, Any]:
    """Put a new version in force for new experiments, and return its document.

    Raises:
        NoPolicy
    """
    present = _load_present(session, book)
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

    Returns:
        `policy`: the version now in force; `open`: how many real trades are open and entry orders are on their way.

    Raises:
        NoSwitch
    """
    return _set_switch(session, book, Switch.PAUSED, audit=audit)


def flatten(session: Session, book: str, *, audit: AuditContext) -> dict[str, Any]:
    """Pause a book and let the exits worker close everything that is open for real; returns and raises as `pause`."""
    return _set_switch(session, book, Switch.FLAT, audit=audit)


def resume(session: Session, book: str, *, audit: AuditContext) -> dict[str, Any]:
    """Send real entries of a book again, for new experiments; returns and raises as `pause`."""
    return _set_switch(session, book, Switch.ON, audit=audit)


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


def _set_switch(session: Session, book: str, switch: Switch, *, audit: AuditContext) -> dict[str, Any]:
    present = _load_switchable(session, book)
    change = PolicyChange(
        label=_strip_suffix(present.label),
        mode=present.mode,
        split_ppm=present.split_ppm,
        set_by=audit.actor,
        reason=audit.reason,
        switch=switch,
    )
    version = policies.append_version(session, book, change)
    audit.write_entry(session, f"policy.{switch.value}", book, policy_version=version.label)
    left = real_exposure.count_exposure(session, book)
    return {
        "policy": _load_newest_document(session, book),
        "open": {"trades": left.trades, "orders": left.orders},
    }


def _load_switchable(session: Session, book: str) -> PolicyVersion:
    """Return the version in force of a book that trades for real."""
    if is_replay_book(book):
        raise NoSwitch(book)
    try:
        return _load_present(session, book)
    except NoPolicy:
        raise NoSwitch(book) from None


def _load_present(session: Session, book: str) -> PolicyVersion:
    if book not in books.load(session, [book]):
        raise NoPolicy(book)
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
