"""Faults of the simulator: set at `/_control`, with chances from a seed; the first that matches a request applies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from random import Random
from threading import Lock
from typing import Any

from simulator.orders import FILL_AT_ONCE, FillPlan


class RequestKind(Enum):
    """Kind of a request."""

    SUBMIT = "submit"
    LOOK_UP = "look_up"
    CANCEL = "cancel"
    ACCOUNT = "account"
    MARKET = "market"


class FaultKind(Enum):
    """Kind of a fault: the way in which a request fails."""

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
class SimulatorFault:
    """One fault: the kind of requests it applies to, at most `times` (None: without limit), and its probability.

    `status` is the HTTP status of an error, `after_s` the delay of a late acceptance or until a throttled client may
    return, `plan` the share that a partial fill executes.
    """

    kind: FaultKind
    request_kind: RequestKind
    times: int | None
    probability: float
    status: int
    after_s: float
    plan: FillPlan


class ActiveFaults:
    """The faults that apply now, in order; used by many threads."""

    def __init__(self, seed: int = 0) -> None:
        self._random = Random(seed)  # noqa: S311 - repeatable chances, not secrets
        self._lock = Lock()
        self._active: list[SimulatorFault] = []

    def set_seed(self, seed: int) -> None:
        """Start the random numbers anew from a seed."""
        with self._lock:
            self._random.seed(seed)

    def add(self, fault: SimulatorFault) -> None:
        """Add a fault after the present ones."""
        with self._lock:
            self._active.append(fault)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._active.clear()

    def draw(self, kind: RequestKind) -> SimulatorFault | None:
        """Return the fault that applies to a request of this kind, if any, and count it against its limit."""
        with self._lock:
            fault = next(
                (
                    active_fault
                    for active_fault in self._active
                    if active_fault.request_kind is kind and self._is_triggered(active_fault)
                ),
                None,
            )
            if fault is not None and fault.times is not None:
                fault.times -= 1
                self._active = [active_fault for active_fault in self._active if active_fault.times != 0]
            return fault

    def _is_triggered(self, fault: SimulatorFault) -> bool:
        """Draw whether a fault applies, by its probability."""
        return fault.probability >= 1 or self._random.random() < fault.probability


def parse_fault(document: Mapping[str, Any]) -> SimulatorFault:
    """Parse one fault of a `/_control` document.

    Raises:
        ValueError: when its name or kind is not known.
    """
    rest_s = document.get("rest_s")
    fraction = Decimal(str(document.get("fraction", 1)))
    plan = (
        FILL_AT_ONCE if fraction == 1 else FillPlan(fraction=fraction, rest_s=None if rest_s is None else float(rest_s))
    )
    return SimulatorFault(
        kind=FaultKind(document["fault"]),
        request_kind=RequestKind(document.get("on", RequestKind.SUBMIT.value)),
        times=document.get("times"),
        probability=float(document.get("probability", 1)),
        status=int(document.get("status", 503)),
        after_s=float(document.get("after_s", 1)),
        plan=plan,
    )
