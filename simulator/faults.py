"""The faults of the simulator: asked for at `/_control`, drawn by seed, the first that matches a request meets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from random import Random
from threading import Lock
from typing import Any

from simulator.account import AT_ONCE, FillPlan


class Kind(Enum):
    """What a request is about."""

    SUBMIT = "submit"
    LOOK_UP = "look_up"
    CANCEL = "cancel"
    ACCOUNT = "account"
    MARKET = "market"


class FaultName(Enum):
    """What can go wrong with a request."""

    LOSE_ANSWER = "lose_answer"
    HOLD_ANSWER = "hold_answer"
    ACCEPT_LATE = "accept_late"
    ERROR_AFTER = "error_after"
    ERROR_BEFORE = "error_before"
    GARBAGE = "garbage"
    REJECT = "reject"
    THROTTLE = "throttle"
    SILENT = "silent"
    PARTIAL = "partial"


@dataclass(slots=True, kw_only=True)
class Fault:
    """One fault: on which kind of requests, how often at most (None: always) and with which probability.

    `status` is the HTTP status of an error, `after_s` how late an order is accepted or a throttled client may return,
    `plan` what a partial fill executes.
    """

    name: FaultName
    on: Kind
    times: int | None
    probability: float
    status: int
    after_s: float
    plan: FillPlan


class Faults:
    """The faults in force."""

    def __init__(self, seed: int = 0) -> None:
        self._random = Random(seed)  # noqa: S311 - repeatable chances, not secrets
        self._lock = Lock()
        self._active: list[Fault] = []

    def reseed(self, seed: int) -> None:
        """Begin the chances anew."""
        with self._lock:
            self._random.seed(seed)

    def add(self, fault: Fault) -> None:
        """Put a fault in force, after those that are."""
        with self._lock:
            self._active.append(fault)

    def clear(self) -> None:
        """Take all faults out of force."""
        with self._lock:
            self._active.clear()

    def draw(self, kind: Kind) -> Fault | None:
        """Return the first fault that meets a request of this kind, and count it."""
        with self._lock:
            found = next((one for one in self._active if one.on is kind and self._happens(one)), None)
            if found is not None and found.times is not None:
                found.times -= 1
                self._active = [one for one in self._active if one.times != 0]
            return found

    def _happens(self, fault: Fault) -> bool:
        return fault.probability >= 1 or self._random.random() < fault.probability


def fault_from(document: Mapping[str, Any]) -> Fault:
    """Read a fault as `/_control` takes it.

    Raises:
        ValueError: when its name or kind is not known.
    """
    rest = document.get("rest_s")
    fraction = Decimal(str(document.get("fraction", 1)))
    plan = AT_ONCE if fraction == 1 else FillPlan(fraction=fraction, rest_s=None if rest is None else float(rest))
    return Fault(
        name=FaultName(document["fault"]),
        on=Kind(document.get("on", Kind.SUBMIT.value)),
        times=document.get("times"),
        probability=float(document.get("probability", 1)),
        status=int(document.get("status", 503)),
        after_s=float(document.get("after_s", 1)),
        plan=plan,
    )
