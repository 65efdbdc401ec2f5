"""One replay from its schedule to its summary, with progress display."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, TextIO

from replay import alert_prices, bar_files, driver, progress
from replay.driver import ReplayGateway, ReplaySummary
from replay.identity import ReplayTerms, derive_identity
from replay.schedule import Schedule

_EXAMPLES = 5


def perform_replay(
    scheduled: Schedule, gateway: ReplayGateway, *, terms: ReplayTerms, study: str | None, stream: TextIO
) -> ReplaySummary:
    """Run a replay; write its progress and the alerts left out or refused to `stream` (stderr).

    Raises:
        ReplayExists, ReplayRefused, SignalStuck: from the driver.
    """
    identity = derive_identity(scheduled, terms)
    stream.writelines(f"warning: {warning}\n" for warning in _format_warnings(scheduled))
    with progress.open_progress(stream) as watcher:
        summary = driver.run_replay(
            scheduled, gateway, identity=identity, study=study, watcher=watcher, sleep=time.sleep
        )
    stream.writelines(f"{line}\n" for line in summary_lines(summary))
    return summary


def format_assumptions(scheduled: Schedule) -> list[str]:
    """Return what was assumed of each bar file as lines, to be shown before the replay begins."""
    return [line for file in scheduled.files for line in bar_files.format_lines(file)]


def summary_lines(summary: ReplaySummary) -> list[str]:
    """Return the summary as lines: the counts, and the first refused alerts with their errors."""
    sent = f"{summary.book}: {summary.alerts} alerts sent, {summary.accepted} accepted"
    lines = [f"{sent}, {summary.duplicates} duplicates, {len(summary.refused)} refused"]
    for alert in summary.refused[:_EXAMPLES]:
        reasons = "; ".join(f"{name}: {problem}" for name, problem in alert.errors.items())
        lines.append(f"  line {alert.line}: HTTP {alert.status} {reasons}".rstrip())
    if len(summary.refused) > _EXAMPLES:
        lines.append(f"  and {len(summary.refused) - _EXAMPLES} more; see: orchestrator signals quarantine")
    return lines


def build_summary_document(summary: ReplaySummary) -> dict[str, Any]:
    """Return the summary as JSON values; refused alerts are counted by field."""
    fields = Counter(name for alert in summary.refused for name in alert.errors)
    return {
        "book": summary.book,
        "alerts": summary.alerts,
        "accepted": summary.accepted,
        "duplicates": summary.duplicates,
        "refused": len(summary.refused),
        "refused_fields": dict(sorted(fields.items())),
        "outside": summary.outside,
    }


def _format_warnings(scheduled: Schedule) -> Iterator[str]:
    if scheduled.outside:
        yield _format_left_out(scheduled)
    for instrument, count in sorted(scheduled.without_bars.items()):
        yield f"{count} alerts are about {instrument}, of which there are no bars"
    yield from alert_prices.format_warnings(scheduled)


def _format_left_out(scheduled: Schedule) -> str:
    """Write how many alerts are left out because they fire outside the bars."""
    count, total = len(scheduled.outside), len(scheduled.alert_file.alerts)
    span = f"{scheduled.starts_at.isoformat()} to {scheduled.ends_at.isoformat()}"
    return f"{count} of {total} alerts are left out: they fire outside the bars, which cover {span}"
