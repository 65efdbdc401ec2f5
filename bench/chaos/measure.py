"""`bench faults`: one rehearsal after the other, each on a stack of its own, and their sum."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import figures, ground
from bench.chaos import rehearsal, venue
from bench.chaos.checker import DOUBLED, LOST
from bench.chaos.faults import Kind
from bench.chaos.rehearsal import Outcome
from bench.chaos.watch import median
from bench.ground import Ground
from stack.errors import StackRefused
from venues import libraries


class Interrupted(RuntimeError):
    """A signal came before the rehearsals were over; `code` is the exit code it asks for."""

    def __init__(self, code: int) -> None:
        super().__init__(f"interrupted ({code})")
        self.code = code


def measure(*, first: int, seeds: int, seconds: float, rate: float) -> dict[str, Any]:
    """Return the document of `bench faults`.

    Raises:
        Interrupted, BenchFailed, StackRefused
    """
    _require_library()
    outcomes: list[Outcome] = []
    machines: list[dict[str, Any]] = []
    for seed in range(first, first + seeds):
        _run(seed, seconds, rate, outcomes, machines)
        sys.stderr.write(_line(outcomes[-1]) + "\n")
    return {
        "bench": "faults",
        "machine": machines[0],
        "total": total(outcomes),
        "by_fault": by_fault(outcomes),
        "seeds": [_seed(one) for one in outcomes],
    }


def _require_library() -> None:
    """Refuse to begin without what the workers need at the simulated venue."""
    if (missing := libraries.describe_missing(venue.BROKER)) is not None:
        raise StackRefused(f"bench faults trades at a simulated {venue.BROKER}: {missing}")


def _run(seed: int, seconds: float, rate: float, outcomes: list[Outcome], machines: list[dict[str, Any]]) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="orchestrator-venue-") as directory,
        venue.running(Path(directory), seed=seed) as running,
    ):

        def rehearse(given: Ground) -> None:
            machines.append(figures.machine(given))
            outcomes.append(rehearsal.rehearse(given, running, seed=seed, seconds=seconds, rate=rate))

        environ = rehearsal.ENVIRONMENT | running.environment
        code = ground.run(rehearse, environ=environ, deaths_allowed=rehearsal.DEATHS_ALLOWED)
    if code:
        raise Interrupted(code)


def _count(outcome: Outcome, names: frozenset[str]) -> int:
    return sum(one.count for one in outcome.violations if one.name in names)


def total(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the sums over all seeds; `violations` counts the kinds of them seed by seed, recovery is in seconds."""
    recoveries = [took for one in outcomes for _, took in one.recoveries if took is not None]
    return {
        "accepted": sum(one.accepted for one in outcomes),
        "processed": sum(one.processed for one in outcomes),
        "dead_letters": sum(one.dead for one in outcomes),
        "deaths": sum(one.deaths for one in outcomes),
        "restarts": sum(one.restarts for one in outcomes),
        "lost": sum(_count(one, LOST) for one in outcomes),
        "doubled": sum(_count(one, DOUBLED) for one in outcomes),
        "violations": sum(len(one.violations) for one in outcomes),
        "orders": sum(one.orders for one in outcomes),
        "worst_recovery_s": figures.rounded(max(recoveries, default=None), 2),
    }


def by_fault(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return for each kind of fault that happened how often, and the median and worst recovery in seconds."""
    found: dict[str, Any] = {}
    for kind in Kind:
        took = [seconds for one in outcomes for which, seconds in one.recoveries if which is kind]
        known = [seconds for seconds in took if seconds is not None]
        if took:
            found[kind.value] = {
                "count": len(took),
                "median_recovery_s": figures.rounded(median(known), 2),
                "worst_recovery_s": figures.rounded(max(known, default=None), 2),
            }
    return found


def _seed(outcome: Outcome) -> dict[str, Any]:
    return {
        "seed": outcome.seed,
        "accepted": outcome.accepted,
        "unanswered": outcome.unanswered,
        "stored": outcome.stored,
        "processed": outcome.processed,
        "dead_letters": outcome.dead,
        "orders": outcome.orders,
        "deaths": outcome.deaths,
        "restarts": outcome.restarts,
        "lost": _count(outcome, LOST),
        "doubled": _count(outcome, DOUBLED),
        "drained_s": figures.rounded(outcome.drained_s, 2),
        "violations": [
            {"rule": one.name, "count": one.count, "examples": list(one.examples)} for one in outcome.violations
        ],
    }


def _line(outcome: Outcome) -> str:
    told = ", ".join(f"{one.name} {one.count}" for one in outcome.violations) or "nothing lost, nothing doubled"
    return (
        f"seed {outcome.seed}: {outcome.accepted} accepted, {outcome.processed} processed, {outcome.orders} orders,"
        f" {outcome.deaths} deaths: {told}"
    )
