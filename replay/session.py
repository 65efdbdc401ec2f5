"""One replay from a schedule to a summary, with progress for whoever watches."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, TextIO

from replay import driver, progress
from replay.driver import ReplayGateway, Summary
from replay.identity import Terms, identify
from replay.schedule import Schedule

_EXAMPLES = 5


def perform(scheduled: Schedule, gateway: ReplayGateway, *, terms: Terms, study: str | None, stream: TextIO) -> Summary:
    """Run a replay and write to `stream` (stderr) how far it is and what was left out or refused.

    Raises:
        ReplayExists, ReplayRefused, SignalStuck: as the driver does.
    """
    identity = identify(scheduled, terms)
    if scheduled.outside:
        stream.write(f"warning: {_left_out(scheduled)}\n")
    with progress.shown(stream) as watcher:
        summary = driver.run(scheduled, gateway, identity=identity, study=study, watcher=watcher, sleep=time.sleep)
    stream.writelines(f"{line}\n" for line in describe(summary))
    return summary


def describe(summary: Summary) -> list[str]:
    """Return the summary in lines: what was sent, and the first alerts that were refused with the reasons."""
    sent = f"{summary.book}: {summary.alerts} alerts sent, {summary.accepted} accepted"
    lines = [f"{sent}, {summary.duplicates} duplicates, {len(summary.refused)} refused"]
    for one in summary.refused[:_EXAMPLES]:
        reasons = "; ".join(f"{name}: {problem}" for name, problem in one.errors.items())
        lines.append(f"  line {one.line}: HTTP {one.status} {reasons}".rstrip())
    if len(summary.refused) > _EXAMPLES:
        lines.append(f"  and {len(summary.refused) - _EXAMPLES} more; see: orchestrator signals quarantine")
    return lines


def as_json(summary: Summary) -> dict[str, Any]:
    """Return the summary as JSON values; refusals are counted by field."""
    fields = Counter(name for one in summary.refused for name in one.errors)
    return {
        "book": summary.book,
        "alerts": summary.alerts,
        "accepted": summary.accepted,
        "duplicates": summary.duplicates,
        "refused": len(summary.refused),
        "refused_fields": dict(sorted(fields.items())),
        "outside": summary.outside,
    }


def _left_out(scheduled: Schedule) -> str:
    count, total = len(scheduled.outside), len(scheduled.alert_file.alerts)
    span = f"{scheduled.starts_at.isoformat()} to {scheduled.ends_at.isoformat()}"
    return f"{count} of {total} alerts are left out: they fire outside the bars, which cover {span}"
