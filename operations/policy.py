"""Changes of a book's policy as people make them: a new version, written down in the audit log with who and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from db import books, policies
from db.core.session import Session
from db.policies import PolicyChange
from domain.books import is_replay_book
from domain.experiment import PPM
from domain.policy import ExecutionMode, PolicyVersion, Switch
from operations.act import Act


class NoPolicy(ValueError):
    """There is no book of that name that has a policy."""


class NoSwitch(ValueError):
    """There is no book of that name that trades for real, and so has a switch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a new version shall say; None stays as it is. The label gets a suffix where it is taken."""

    mode: ExecutionMode | None = None
    split_ppm: int | None = None
    label: str | None = None


def set_policy(session: Session, book: str, wish: Wish, *, act: Act) -> PolicyVersion:
    """Put a new version in force.

    Raises:
        NoPolicy
    """
    present = _present(session, book)
    made = policies.append_version(
        session,
        book,
        PolicyChange(
            label=wish.label or _stem(present),
            mode=wish.mode or present.mode,
            split_ppm=present.split_ppm if wish.split_ppm is None else wish.split_ppm,
            set_by=act.by,
            reason=act.reason,
        ),
    )
    act.write_down(
        session, "policy.set", book, policy_version=made.label, mode=made.mode.value, split_ppm=made.split_ppm
    )
    return made


def throw(session: Session, book: str, switch: Switch, *, act: Act) -> PolicyVersion:
    """Set the switch for real trading; once it is committed as paused or flat, no real entry begins to be sent.

    Raises:
        NoSwitch: also for a replay, which trades nothing for real.
    """
    if is_replay_book(book):
        raise NoSwitch(book)
    try:
        present = _present(session, book)
    except NoPolicy:
        raise NoSwitch(book) from None
    wanted = PolicyChange(
        label=_stem(present),
        mode=present.mode,
        split_ppm=present.split_ppm,
        set_by=act.by,
        reason=act.reason,
        switch=switch,
    )
    made = policies.append_version(session, book, wanted)
    act.write_down(session, f"policy.{switch.value}", book, policy_version=made.label)
    return made


def described(version: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a row of a book's history."""
    return {
        "policy_version": version["label"],
        "mode": version["mode"],
        "switch": "flat" if version["flatten"] else "paused" if version["paused"] else "on",
        "split": float(Decimal(version["split_ppm"]) / PPM),
        "set_by": version["set_by"],
        "reason": version["reason"],
        "created_at": version["created_at"].isoformat(),
    }


def _present(session: Session, book: str) -> PolicyVersion:
    if book not in books.load(session, [book]):
        raise NoPolicy(book)
    present = policies.load_current(session, [book]).get(book)
    if present is None:
        raise NoPolicy(book)
    return present


def _stem(version: PolicyVersion) -> str:
    return version.label.partition(".")[0]
