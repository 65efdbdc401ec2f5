"""`GET /metrics`: how it stands, in Prometheus' text format, measured in the database at each scrape."""

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


def blueprint(settings: Settings, database: Database, receiver: Receiver, *, within_s: float) -> Blueprint:
    """Return the blueprint of the metrics; they tell of books and sources by name, and need the scope for it."""
    made = Blueprint("metrics", __name__)
    scrapes: SerialCalls[Measures] = SerialCalls("metrics")

    def measured() -> Measures:
        with database.snapshot() as session:
            return measures.measure(session, settings)

    @made.get("/metrics")
    @permissions.needs(Scope.METRICS)
    def metrics() -> Response:
        try:
            found = scrapes.run(measured, within_s=within_s)
        except (SQLAlchemyError, DeadlineMissed) as error:
            log.warning("metrics.unavailable", error=type(error).__name__)
            answer = jsonify({"status": "unavailable", "request_id": g.request_id})
            answer.status_code = 503
            return answer
        return Response(render(found, receiver.answer_counts()), content_type=CONTENT_TYPE_LATEST)

    return made


def render(found: Measures, answered: Mapping[str, int]) -> bytes:
    """Write measures, and the webhook's answers of this process by status, as Prometheus reads them."""
    families = [*_signals(found), *_operations(found), *_sources(found), _answers(answered), _build()]
    registry = CollectorRegistry()
    registry.register(_Collected(families))
    return generate_latest(registry)


class _Collected(Collector):
    """What was collected before, as a registry takes it."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        yield from self._families


def _signals(found: Measures) -> Iterator[Metric]:
    yield _gauge("signals", "Signals by book and status.", ("book", "status"), found.signals)
    told = "Age of the oldest signal that should be worked on, 0 without any."
    yield _gauge("oldest_due_signal_age_seconds", told, (), {(): found.oldest_due_s})
    yield _gauge("orders", "Orders meant for a broker, by book and state.", ("book", "state"), found.orders)


def _operations(found: Measures) -> Iterator[Metric]:
    kinds = {(kind,): count for kind, count in found.incidents.items()}
    yield _gauge("incidents_open", "Open incidents by kind.", ("kind",), kinds)
    unsent = {("waiting",): found.notifications_waiting, ("given_up",): found.notifications_given_up}
    yield _gauge("notifications", "Notifications that were not sent: still tried, or given up.", ("state",), unsent)
    silent = {(one.queue,): one.silent_s for one in found.queues}
    yield _gauge("queue_silence_seconds", "Time since a worker of the queue did something.", ("queue",), silent)
    late = {(one.queue,): _is_late(one) for one in found.queues}
    yield _gauge("queue_late", "Whether the queue has been silent for too long.", ("queue",), late)


def _is_late(one: QueueHealth) -> int:
    return int(one.state is QueueState.LATE)


def _sources(found: Measures) -> Iterator[Metric]:
    signals = CounterMetricFamily("orchestrator_source_signals", "Signals of a source.", labels=["source"])
    quarantined = CounterMetricFamily(
        "orchestrator_source_quarantined", "Messages of a source that could not be read.", labels=["source"]
    )
    for one in found.sources:
        signals.add_metric([one.name], found.signals_by_source[one.name])
        quarantined.add_metric([one.name], one.quarantined)
    yield from (signals, quarantined)
    for name, told, value in _OF_SOURCES:
        values = {(one.name,): given for one in found.sources if (given := value(one)) is not None}
        yield _gauge(f"source_{name}", told, ("source",), values)


def _enabled(one: SourceActivity) -> float:
    return float(one.enabled)


_OF_SOURCES = (
    ("enabled", "Whether the source may post.", _enabled),
    ("silence_seconds", "Time since the source sent anything, else since it was made.", lambda one: one.silent_s),
    ("last_signal_age_seconds", "Time since the last signal of the source.", lambda one: one.signal_age_s),
    ("heartbeat_seconds", "How long the source may be silent.", lambda one: one.heartbeat_s),
    ("recent_signals", "Signals of the source within the last three minutes.", lambda one: one.recent_alerts),
    ("alerts_end_in_seconds", "Time until TradingView ends the alerts of the source.", lambda one: one.ends_in_s),
)


def _answers(answered: Mapping[str, int]) -> Metric:
    """Count by process too: each scrape is answered by one of several, and counts for itself alone."""
    family = CounterMetricFamily(
        "orchestrator_webhook_answers",
        "Answers of the webhook, of the process that was scraped.",
        labels=["process", "status"],
    )
    for status, count in sorted(answered.items()):
        family.add_metric([str(os.getpid()), status], count)
    return family


def _build() -> Metric:
    version = metadata.version("trading-orchestrator")
    family = InfoMetricFamily("orchestrator_build", "What is running.")
    family.add_metric([], {"version": version, "python": platform.python_version()})
    return family


def _gauge(name: str, told: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> Metric:
    """Return a gauge whose values are found by those of its labels."""
    family = GaugeMetricFamily(f"orchestrator_{name}", told, labels=labels)
    for given, value in values.items():
        family.add_metric(given, value)
    return family
