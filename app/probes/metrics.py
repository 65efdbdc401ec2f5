"""`GET /metrics`: the state of the product in Prometheus' text format, measured in the database at each scrape."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from typing import Any

import structlog
from flask import Blueprint, Response, g, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from app.access import permissions
from app.web.deadlines import DeadlineMissed, SerialCalls
from app.webhook.receiver import Receiver
from config.settings import Settings
from db.canaries import QueueHealth, QueueState
from db.core.errors import SQLAlchemyError
from db.core.session import Database
from db.queries import measures
from db.queries.measures import Measures
from db.source_health.activity import SourceActivity
from domain.access import Scope

log = structlog.get_logger()


def make_blueprint(settings: Settings, database: Database, receiver: Receiver, *, within_s: float) -> Blueprint:
    """Return the blueprint of `/metrics`, which needs the scope METRICS: its labels name books and sources."""
    blueprint = Blueprint("metrics", __name__)
    scrapes: SerialCalls[Measures] = SerialCalls("metrics")

    def take_measures() -> Measures:
        with database.snapshot() as session:
            return measures.measure(session, settings)

    @blueprint.get("/metrics")
    @permissions.needs(Scope.METRICS)
    def metrics() -> Response:
        try:
            measured = scrapes.run(take_measures, within_s=within_s)
        except (SQLAlchemyError, DeadlineMissed) as error:
            log.warning("metrics.unavailable", error=type(error).__name__)
            answer = jsonify({"status": "unavailable", "request_id": g.request_id})
            answer.status_code = 503
            return answer
        return Response(render(measured, receiver.answer_counts()), content_type=CONTENT_TYPE_LATEST)

    return blueprint


def render(measured: Measures, answer_counts: Mapping[str, int]) -> bytes:
    """Render measures, and the numbers of this process's webhook answers by status, as Prometheus' text."""
    families = [
        *_signal_metrics(measured),
        *_operation_metrics(measured),
        *_source_metrics(measured),
        _answer_metric(answer_counts),
        _build_metric(),
    ]
    registry = CollectorRegistry()
    registry.register(_CollectedFamilies(families))
    return generate_latest(registry)


class _CollectedFamilies(Collector):
    """Metric families that were collected before, in the form that a registry takes."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        yield from self._families


def _signal_metrics(measured: Measures) -> Iterator[Metric]:
    """Yield the metrics of signals and orders."""
    yield _gauge("signals", "Signals by book and status.", ("book", "status"), measured.signals)
    description = "Age of the oldest signal that should be worked on, 0 without any."
    yield _gauge("oldest_due_signal_age_seconds", description, (), {(): measured.oldest_due_s})
    yield _gauge("orders", "Orders meant for a broker, by book and state.", ("book", "state"), measured.orders)


def _operation_metrics(measured: Measures) -> Iterator[Metric]:
    """Yield the metrics of incidents, notifications, queues and periodic tasks."""
    kinds = {(kind,): count for kind, count in measured.incidents.items()}
    yield _gauge("incidents_open", "Open incidents by kind.", ("kind",), kinds)
    unsent = {("waiting",): measured.notifications_waiting, ("given_up",): measured.notifications_given_up}
    yield _gauge("notifications", "Notifications that were not sent: still tried, or given up.", ("state",), unsent)
    silent = {(queue.queue,): queue.silent_s for queue in measured.queues}
    yield _gauge("queue_silence_seconds", "Time since a worker of the queue did something.", ("queue",), silent)
    late = {(queue.queue,): _late_value(queue) for queue in measured.queues}
    yield _gauge("queue_late", "Whether the queue has been silent for too long.", ("queue",), late)
    ages = {(run.entry,): run.silent_s for run in measured.periodic}
    yield _gauge("periodic_run_age_seconds", "Time since a periodic task last ended.", ("entry",), ages)
    overdue = {(run.entry,): int(run.is_late) for run in measured.periodic}
    yield _gauge("periodic_run_late", "Whether a periodic task did not run for too long.", ("entry",), overdue)


def _late_value(queue: QueueHealth) -> int:
    return int(queue.state is QueueState.LATE)


def _source_metrics(measured: Measures) -> Iterator[Metric]:
    """Yield the metrics of each source."""
    signals = CounterMetricFamily("orchestrator_source_signals", "Signals of a source.", labels=["source"])
    quarantined = CounterMetricFamily(
        "orchestrator_source_quarantined", "Messages of a source that could not be read.", labels=["source"]
    )
    refused = CounterMetricFamily(
        "orchestrator_source_quarantine_refused",
        "Messages of a source that were not kept, since its quarantine is full.",
        labels=["source"],
    )
    for source in measured.sources:
        refused.add_metric([source.name], source.quarantine_refused)
        signals.add_metric([source.name], measured.signals_by_source[source.name])
        quarantined.add_metric([source.name], source.quarantined)
    yield from (signals, quarantined, refused)
    for name, description, read in _SOURCE_GAUGES:
        values = {(source.name,): value for source in measured.sources if (value := read(source)) is not None}
        yield _gauge(f"source_{name}", description, ("source",), values)


def _enabled_value(source: SourceActivity) -> float:
    return float(source.enabled)


_SOURCE_GAUGES = (
    ("enabled", "Whether the source may post.", _enabled_value),
    ("silence_seconds", "Time since the source sent anything, else since it was made.", lambda source: source.silent_s),
    ("last_signal_age_seconds", "Time since the last signal of the source.", lambda source: source.signal_age_s),
    ("heartbeat_seconds", "How long the source may be silent.", lambda source: source.heartbeat_s),
    ("recent_signals", "Signals of the source within the last three minutes.", lambda source: source.recent_alerts),
    ("alerts_end_in_seconds", "Time until TradingView ends the alerts of the source.", lambda source: source.ends_in_s),
)


def _answer_metric(answer_counts: Mapping[str, int]) -> Metric:
    """Return the answers of this process, labelled by it: each scrape reaches one of several web processes."""
    family = CounterMetricFamily(
        "orchestrator_webhook_answers",
        "Answers of the webhook, of the process that was scraped.",
        labels=["process", "status"],
    )
    for status, count in sorted(answer_counts.items()):
        family.add_metric([str(os.getpid()), status], count)
    return family


def _build_metric() -> Metric:
    """Return the versions of the product and of Python."""
    version = metadata.version("trading-orchestrator")
    family = InfoMetricFamily("orchestrator_build", "What is running.")
    family.add_metric([], {"version": version, "python": platform.python_version()})
    return family


def _gauge(name: str, description: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> Metric:
    """Return a gauge; `values` are keyed by the tuples of label values."""
    family = GaugeMetricFamily(f"orchestrator_{name}", description, labels=labels)
    for label_values, value in values.items():
        family.add_metric(label_values, value)
    return family
