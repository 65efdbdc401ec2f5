"""The faults of a rehearsal and their times, drawn from a seed, so that a seed always gives the same sequence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

FIRST_AT_S = 2.0
SHORTEST_GAP_S, LONGEST_GAP_S = 1.5, 3.5
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 5.0


class InjectedFaultKind(StrEnum):
    """Kind of an injected fault: kill -9 or pause of a process or server, loss of messages or connections, an act of
    operators, or a step of the clock of the workers and beat.
    """

    WEB_KILLED = "web_killed"
    WORKER_KILLED = "worker_killed"
    WORKER_CHILD_KILLED = "worker_child_killed"
    ORDERS_KILLED = "orders_killed"
    EXITS_KILLED = "exits_killed"
    BEAT_KILLED = "beat_killed"
    WORKER_PAUSED = "worker_paused"
    ORDERS_PAUSED = "orders_paused"
    WEB_PAUSED = "web_paused"
    POSTGRES_KILLED = "postgres_killed"
    CONNECTIONS_CUT = "connections_cut"
    REDIS_KILLED = "redis_killed"
    MESSAGES_LOST = "messages_lost"
    VENUE_KILLED = "venue_killed"
    BEAT_HUNG = "beat_hung"
    CLOCK_AHEAD = "clock_ahead"
    CLOCK_BEHIND = "clock_behind"
    SWITCH_STORM = "switch_storm"
    FLOWER_RETRIES = "flower_retries"


PAUSES = frozenset({InjectedFaultKind.WORKER_PAUSED, InjectedFaultKind.ORDERS_PAUSED, InjectedFaultKind.WEB_PAUSED})
DAY_S = 86_400
CLOCK_STEPS = {InjectedFaultKind.CLOCK_AHEAD: DAY_S, InjectedFaultKind.CLOCK_BEHIND: -DAY_S}

# Faults that the simulated venue has during the whole rehearsal, each with its own probability.
VENUE_FAULTS: tuple[dict[str, Any], ...] = (
    {"fault": "lose_answer", "on": "submit", "probability": 0.06},
    {"fault": "accept_late", "on": "submit", "probability": 0.04, "after_s": 1.5},
    {"fault": "accept_late", "on": "submit", "probability": 0.02, "after_s": 8},
    {"fault": "error_after", "on": "submit", "probability": 0.04, "status": 503},
    {"fault": "error_before", "on": "submit", "probability": 0.03, "status": 503},
    {"fault": "silent", "on": "submit", "probability": 0.01},
    {"fault": "partial", "on": "submit", "probability": 0.05, "fraction": "0.5", "rest_s": 1.0},
    {"fault": "throttle", "on": "submit", "probability": 0.02},
    {"fault": "error_before", "on": "look_up", "probability": 0.05, "status": 503},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedFault:
    """A fault `at_s` seconds after the start; a pause lasts `pause_s`. `pick` (0..1) chooses among processes."""

    at_s: float
    kind: InjectedFaultKind
    pause_s: float
    pick: float


def draw_faults(seed: int, *, seconds: float) -> Iterator[InjectedFault]:
    """Yield the faults of a seed in order of time; none falls into the last second."""
    random = Random(seed)  # noqa: S311 - repeatable chances, not secrets
    kinds = list(InjectedFaultKind)
    at_s = FIRST_AT_S
    while at_s < seconds - 1:
        yield InjectedFault(
            at_s=at_s,
            kind=random.choice(kinds),
            pause_s=random.uniform(SHORTEST_PAUSE_S, LONGEST_PAUSE_S),
            pick=random.random(),
        )
        at_s += random.uniform(SHORTEST_GAP_S, LONGEST_GAP_S)
