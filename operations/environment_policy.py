"""Operation of a start: changing policies as EXECUTION_MODE, SPLIT_PERCENTAGE and POLICY_VERSION ask for.

A variable that is unset changes nothing. A value counts once: when it differs from the last one that a start saw for
the book. The mode of the live book is never changed, and no book that a person put to SHADOW_ONLY trades for real
because of a start. The switch stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from config.settings import Settings
from db import policies, policy_environment
from db.core.session import Database, Session
from db.policies import PolicyChange
from domain.books import LIVE_BOOK, STANDING_BOOKS
from domain.experiment import PPM
from domain.policy import ExecutionMode, PolicyVersion
from operations.audit_entry import AuditContext

ACTOR = "environment"
MODE, LABEL, SPLIT = "EXECUTION_MODE", "POLICY_VERSION", "SPLIT_PERCENTAGE"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentPolicy:
    """The policy's variables as a start finds them: `values` as text, of those that are set."""

    values: Mapping[str, str]
    mode: ExecutionMode
    split_ppm: int
    label: str


def apply(settings: Settings, *, at: datetime) -> list[str]:
    """Change the policies of the standing books as the environment asks for.

    Returns:
        A line for each change, and for each mode that is asked for and not in force.
    """
    wanted, database = read(settings), Database(settings.sqlalchemy_url, pool_size=1)
    try:
        return [line for book in STANDING_BOOKS for line in _apply_to_book(database, book, wanted, at=at)]
    finally:
        database.dispose()


def read(settings: Settings) -> EnvironmentPolicy:
    """Read the policy's variables from the settings, which know where each value comes from."""
    split = f"{(Decimal(settings.split_ppm) / PPM).normalize():f}"
    texts = {MODE: settings.execution_mode.value, LABEL: settings.policy_version, SPLIT: split}
    return EnvironmentPolicy(
        values={name: value for name, value in texts.items() if settings.sources.get(name) == "environment"},
        mode=settings.execution_mode,
        split_ppm=settings.split_ppm,
        label=settings.policy_version,
    )


def _apply_to_book(database: Database, book: str, wanted: EnvironmentPolicy, *, at: datetime) -> list[str]:
    with database.transaction() as session:
        policies.lock(session, book)
        seen = policy_environment.load(session, book)
        fresh = {name: value for name, value in wanted.values.items() if seen.get(name) != value}
        policy_environment.record(session, book, fresh)
        before = policies.load_current(session, [book])[book]
        after = _append_change(session, before, _choose_change(session, before, wanted, fresh), fresh, at=at)
    return [*_describe_change(before, after, fresh), *_describe_ignored_mode(after, wanted)]


def _choose_change(
    session: Session, present: PolicyVersion, wanted: EnvironmentPolicy, fresh: Mapping[str, str]
) -> PolicyChange:
    """Return the policy that the fresh values lead to; it may equal the present one."""
    is_mode_changed = MODE in fresh and _may_set_mode(session, present)
    return PolicyChange(
        label=wanted.label if LABEL in fresh else present.label.partition(".")[0],
        mode=wanted.mode if is_mode_changed else present.mode,
        split_ppm=wanted.split_ppm if SPLIT in fresh else present.split_ppm,
        set_by=ACTOR,
        reason=", ".join(f"{name}={value}" for name, value in fresh.items()),
    )


def _may_set_mode(session: Session, present: PolicyVersion) -> bool:
    """Return whether a start may change the mode of a book."""
    return present.book != LIVE_BOOK and not policies.is_held_in_shadow(session, present.book)


def _append_change(
    session: Session, present: PolicyVersion, change: PolicyChange, fresh: Mapping[str, str], *, at: datetime
) -> PolicyVersion:
    """Append the change with its audit entry, unless it changes nothing; return the version in force."""
    is_relabelled = LABEL in fresh and change.label not in (present.label, present.label.partition(".")[0])
    if not is_relabelled and (change.mode, change.split_ppm) == (present.mode, present.split_ppm):
        return present
    version = policies.append_version(session, present.book, change)
    AuditContext(actor=ACTOR, reason=change.reason, at=at).write_entry(
        session,
        "policy.set",
        present.book,
        policy_version=version.label,
        mode=version.mode.value,
        split_ppm=version.split_ppm,
    )
    return version


def _describe_change(before: PolicyVersion, after: PolicyVersion, fresh: Mapping[str, str]) -> Iterator[str]:
    if after.policy_version_id != before.policy_version_id:
        because = ", ".join(f"{name}={value}" for name, value in fresh.items())
        yield f"policy of {after.book} changed by {because}: {_describe(before)} -> {_describe(after)}"


def _describe_ignored_mode(present: PolicyVersion, wanted: EnvironmentPolicy) -> Iterator[str]:
    """Yield that a mode is set and not in force, with the command that would put it in force."""
    if MODE in wanted.values and present.mode is not wanted.mode:
        command = f"orchestrator policy set --book {present.book} --mode {wanted.mode.value} --reason ..."
        yield (
            f"policy of {present.book} stays {_describe(present)}: {MODE}={wanted.mode.value} does not change it,"
            f" `{command}` does"
        )


def _describe(version: PolicyVersion) -> str:
    switch = "" if not version.paused else f", {version.switch.value}"
    split = f"{(Decimal(version.split_ppm) / PPM).normalize():f}"
    return f"{version.label} ({version.mode.value}, split {split}{switch})"
