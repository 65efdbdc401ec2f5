"""What programs see over HTTP: the OpenAPI document without its texts, and the metrics by name and label."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any
from unittest.mock import patch

import structlog
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from app.factory import create_app
from config import settings

_TOKEN = "an-api-token-for-tests-of-32-and-more"
_BEARER = {"Authorization": f"Bearer {_TOKEN}"}
_TEXTS = ("description", "summary")


def openapi() -> Any:
    """Return the served document with sorted keys; nothing connects for it."""
    answer = _client("postgresql://nowhere/none").get("/api/v1/openapi.json", headers=_BEARER)
    assert answer.status_code == 200
    document = without_texts(answer.get_json())
    assert document["info"].pop("version") == version("trading-orchestrator")
    return document


def without_texts(value: Any) -> Any:
    """Leave out what is written for people; a property that is called like such a text is no text, and stays."""
    if isinstance(value, list):
        return [without_texts(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: without_texts(item) for key, item in sorted(value.items()) if not (key in _TEXTS and isinstance(item, str))
    }


def metrics(database_url: str) -> dict[str, Any]:
    """Scrape a migrated database, and return each family's type and labels as they were handed to Prometheus."""
    families: list[Metric] = []

    def register(_: CollectorRegistry, collector: Collector) -> None:
        families.extend(collector.collect())

    with patch.object(CollectorRegistry, "register", register):
        assert _client(database_url).get("/metrics", headers=_BEARER).status_code == 200
    return {one.name: {"type": one.type, "labels": _labels(one)} for one in sorted(families, key=lambda one: one.name)}


def _labels(family: Metric) -> list[str]:
    """Return the labels of a family, and those of its samples: an info has its own only there."""
    declared = getattr(family, "_labelnames", ())
    return sorted({*declared, *(name for sample in family.samples for name in sample.labels)})


def _client(database_url: str) -> FlaskClient:
    given = {"DATABASE_URL": database_url, "REDIS_URL": "redis://nowhere", "SECRET_KEY": "a secret key for tests only"}
    app = create_app(settings.load(given | {"API_TOKEN": _TOKEN, "LOG_LEVEL": "ERROR"}))
    structlog.reset_defaults()
    return app.test_client()
