"""Comparison of the posted and acknowledged alerts with the stored signals: none may be lost or stored twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.fresh_stack import BenchStack
from bench.load_generator import LoadResult


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCounts:
    """Counts over several loads: posted alerts, distinct ids acknowledged with 200, stored rows, and their differences.

    An alert that got a 503 was sent again until it got a 200, so that each posted alert has an id and a row of its own;
    `new_twice` counts ids that two answers called new.
    """

    posted: int
    acknowledged: int
    stored: int
    acknowledged_not_stored: int
    stored_not_acknowledged: int
    new_twice: int

    @property
    def is_exact(self) -> bool:
        """True when the posted, the acknowledged and the stored alerts are the same."""
        missing = self.acknowledged_not_stored + self.stored_not_acknowledged
        return self.posted == self.acknowledged == self.stored and not missing and not self.new_twice

    def as_json(self) -> dict[str, Any]:
        """Return the counts as a JSON object."""
        return {
            "posted": self.posted,
            "acknowledged": self.acknowledged,
            "stored": self.stored,
            "acknowledged_not_stored": self.acknowledged_not_stored,
            "stored_not_acknowledged": self.stored_not_acknowledged,
            "new_twice": self.new_twice,
            "exact": self.is_exact,
        }


def count_alerts(bench_stack: BenchStack, loads: Sequence[LoadResult]) -> AlertCounts:
    """Compare the answers of all loads of a stack with the rows of its database."""
    acknowledged = {alert.signal_id for load in loads for alert in load.acknowledged}
    new = Counter(alert.signal_id for load in loads for alert in load.acknowledged if alert.is_new)
    stored = {str(signal_id) for (signal_id,) in bench_stack.rows("SELECT signal_id FROM signals")}
    return AlertCounts(
        posted=sum(load.posted for load in loads),
        acknowledged=len(acknowledged),
        stored=len(stored),
        acknowledged_not_stored=len(acknowledged - stored),
        stored_not_acknowledged=len(stored - acknowledged),
        new_twice=sum(count > 1 for count in new.values()),
    )
