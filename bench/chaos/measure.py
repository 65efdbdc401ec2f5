"""`bench faults`: runs one rehearsal after the other, each on a fresh stack, and sums their outcomes."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import figures, fresh_stack
from bench.chaos import rehearsal, shifted_clock, venue_process
from bench.chaos.checker import DOUBLED, LOST
from bench.chaos.faults import InjectedFaultKind
from bench.chaos.rehearsal import RehearsalOutcome
from bench.chaos.watch import find_median
from bench.fresh_stack import BenchStack
from stack.errors import StackRefused
from venues import libraries


class RehearsalInterrupted(RuntimeError):
    """A process signal ended the rehearsals early; `code` is the exit code for it."""

    def __init__(self, code: int) -> None:
        super().__init__(f"interrupted ({code})")
        self.code = code


def measure_rehearsals(*, first: int, seeds: int, seconds: float, rate: float) -> dict[str, Any]:
    """Rehearse failures under one seed after the other, and return the results as the document of `bench faults`.

    Raises:
        RehearsalInterrupted, BenchFailed, StackRefused
    """
    _require_library()
    outcomes: list[RehearsalOutcome] = []
    machines: list[dict[str, Any]] = []
    for seed in range(first, first + seeds):
        _run_rehearsal(seed, seconds, rate, outcomes, machines)
        sys.stderr.write(_render_line(outcomes[-1]) + "\n")
    return {
        "bench": "faults",
        "machine": machines[0],
        "total": sum_outcomes(outcomes),
        "by_fault": summarize_recoveries(outcomes),
        "seeds": [_describe_outcome(outcome) for outcome in outcomes],
    }


def _require_library() -> None:
    """Refuse to start when the client library for the simulated venue is not installed."""
    if (missing := libraries.describe_missing(venue_process.BROKER)) is not None:
        raise StackRefused(f"bench faults trades at a simulated {venue_process.BROKER}: {missing}")


def _run_rehearsal(
    seed: int, seconds: float, rate: float, outcomes: list[RehearsalOutcome], machines: list[dict[str, Any]]
) -> None:
    """Run one seed at a venue and on a stack of its own; append its outcome and the machine's description."""
    with (
        tempfile.TemporaryDirectory(prefix="orchestrator-venue-") as directory,
        venue_process.run_venue(Path(directory), seed=seed) as venue,
    ):

        def rehearse(bench_stack: BenchStack) -> None:
            """Run the rehearsal on the stack, and append the machine's description and the outcome."""
            machines.append(figures.describe_machine(bench_stack))
            outcomes.append(rehearsal.run_rehearsal(bench_stack, venue, clock, seed=seed, seconds=seconds, rate=rate))

        clock = Path(directory) / shifted_clock.CLOCK_FILE
        code = fresh_stack.run_on_fresh_stack(
            rehearse,
            environ=rehearsal.ENVIRONMENT | venue.environment,
            deaths_allowed=rehearsal.DEATHS_ALLOWED,
            processes=shifted_clock.write_procfile(Path(directory)),
        )
    if code:
        raise RehearsalInterrupted(code)


def _count_violations(outcome: RehearsalOutcome, names: frozenset[str]) -> int:
    """Return the number of cases of the named violations."""
    return sum(violation.count for violation in outcome.violations if violation.name in names)


def sum_outcomes(outcomes: Sequence[RehearsalOutcome]) -> dict[str, Any]:
    """Return the sums over all seeds; `violations` counts the violated rules of each seed, recovery is in seconds."""
    recoveries = [seconds for outcome in outcomes for _, seconds in outcome.recoveries if seconds is not None]
    return {
        "accepted": sum(outcome.accepted for outcome in outcomes),
        "processed": sum(outcome.processed for outcome in outcomes),
        "dead_letters": sum(outcome.dead for outcome in outcomes),
        "deaths": sum(outcome.deaths for outcome in outcomes),
        "restarts": sum(outcome.restarts for outcome in outcomes),
        "cut_requests": sum(outcome.cut for outcome in outcomes),
        "lost": sum(_count_violations(outcome, LOST) for outcome in outcomes),
        "doubled": sum(_count_violations(outcome, DOUBLED) for outcome in outcomes),
        "violations": sum(len(outcome.violations) for outcome in outcomes),
        "orders": sum(outcome.orders for outcome in outcomes),
        "worst_recovery_s": figures.round_known(max(recoveries, default=None), 2),
    }


def summarize_recoveries(outcomes: Sequence[RehearsalOutcome]) -> dict[str, Any]:
    """Return the count and the median and worst recovery in seconds of each kind of fault that happened."""
    summary: dict[str, Any] = {}
    for kind in InjectedFaultKind:
        recoveries = [
            seconds for outcome in outcomes for recovered_kind, seconds in outcome.recoveries if recovered_kind is kind
        ]
        known = [seconds for seconds in recoveries if seconds is not None]
        if recoveries:
            summary[kind.value] = {
                "count": len(recoveries),
                "median_recovery_s": figures.round_known(find_median(known), 2),
                "worst_recovery_s": figures.round_known(max(known, default=None), 2),
            }
    return summary


def _describe_outcome(outcome: RehearsalOutcome) -> dict[str, Any]:
    """Describe the outcome of one seed for the document."""
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
        "cut_requests": outcome.cut,
        "lost": _count_violations(outcome, LOST),
        "doubled": _count_violations(outcome, DOUBLED),
        "drained_s": figures.round_known(outcome.drained_s, 2),
        "violations": [
            {"rule": violation.name, "count": violation.count, "examples": list(violation.examples)}
            for violation in outcome.violations
        ],
    }


def _render_line(outcome: RehearsalOutcome) -> str:
    """Render the outcome of one seed as a line of text."""
    violations = (
        ", ".join(f"{violation.name} {violation.count}" for violation in outcome.violations)
        or "nothing lost, nothing duplicated"
    )
    return (
        f"seed {outcome.seed}: {outcome.accepted} accepted, {outcome.processed} processed, {outcome.orders} orders,"
        f" {outcome.deaths} deaths: {violations}"
    )
