"""Results of a stage's run, as Flower shows them: a short count, or the error of each signal that failed."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from celery.exceptions import Retry

_LONGEST_ERROR = 300
_MOST_NAMED = 20


class StageFailed(RuntimeError):
    """Signals failed at a stage; the message names each of them with its error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalFailure:
    """A signal's failed attempt; `is_dead` when it was the last one, so that only a rerun goes on with it."""

    signal_id: UUID
    error: str
    is_dead: bool

    def describe(self) -> str:
        """Return the signal's id, what follows, and the error."""
        follows = (
            f"given up, `orchestrator signals rerun {self.signal_id} --reason TEXT`" if self.is_dead else "retried"
        )
        return f"{self.signal_id} ({follows}): {self.error[:_LONGEST_ERROR]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """How many signals went on, and those that failed."""

    advanced: int
    failures: tuple[SignalFailure, ...] = ()

    def __add__(self, other: StageResult) -> StageResult:
        return StageResult(advanced=self.advanced + other.advanced, failures=self.failures + other.failures)

    def build_error(self) -> Exception:
        """Return what the task raises for its failures: Celery's Retry when all of these signals are tried again."""
        named = "; ".join(failure.describe() for failure in self.failures[:_MOST_NAMED])
        more = len(self.failures) - _MOST_NAMED
        error = StageFailed(f"{named}; and {more} more" if more > 0 else named)
        retry: Exception = Retry(str(error), exc=error)
        return error if any(failure.is_dead for failure in self.failures) else retry
