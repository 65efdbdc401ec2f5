"""Time limits of tasks: shares of the lease, and more for the stage that asks engines outside our own code."""

from __future__ import annotations

from dataclasses import dataclass

SOFT_LIMIT_SHARE = 40 / 60
HARD_LIMIT_SHARE = 50 / 60
# A batch puts questions to engines for this long; each gets its whole deadline, and then the answers are stored.
ASKING_S = 30.0
STORING_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """Seconds after which a task gets an exception (soft) and its process is killed (hard)."""

    soft_s: float
    hard_s: float


def task_limits(*, lease_s: float) -> TimeLimits:
    """Return the limits of a task, which end it before its leases do."""
    return TimeLimits(soft_s=lease_s * SOFT_LIMIT_SHARE, hard_s=lease_s * HARD_LIMIT_SHARE)


def dispatch_limits(*, lease_s: float, longest_deadline_s: float) -> TimeLimits:
    """Return the limits of the stage that asks engines, which renews its leases while it waits for answers.

    `longest_deadline_s` is that of engines outside our own code, 0 without any.
    """
    limits = task_limits(lease_s=lease_s)
    if not longest_deadline_s:
        return limits
    soft_s = max(limits.soft_s, ASKING_S + longest_deadline_s + STORING_S)
    return TimeLimits(soft_s=soft_s, hard_s=soft_s + limits.hard_s - limits.soft_s)
