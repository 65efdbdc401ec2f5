"""Others build on these names, shapes and rules: they stay, or are changed on purpose (see `documents`)."""

from __future__ import annotations

from app.cli import cli
from tests.contract import command_line, documents, names, schema, web


def test_the_document_cli_is_unchanged() -> None:
    documents.check("cli", command_line.collect(cli, "orchestrator"))


def test_the_document_openapi_is_unchanged() -> None:
    documents.check("openapi", web.openapi())


def test_the_document_names_is_unchanged(database_url: str) -> None:
    found = {
        **names.celery(),
        "metrics": web.metrics(database_url),
        "settings": names.environment(),
        "incident_kinds": names.incident_kinds(),
        "log_events": names.log_events(),
    }

    documents.check("names", found)


def test_the_document_schema_is_unchanged(database_url: str) -> None:
    documents.check("schema", schema.collect(database_url))


def test_a_difference_is_told_by_path_and_value() -> None:
    frozen = {"a": {"b": 1, "c": ["x", "z"]}, "gone": {"d": None}}
    current = {"a": {"b": 2, "c": ["x", "y", "z"]}}

    assert documents.compare(frozen, frozen) == []
    assert documents.compare(frozen, current) == ["-a.b = 1", "+a.b = 2", '+a.c[] = "y"', "-gone.d = null"]


def test_a_property_that_is_called_like_a_text_is_kept() -> None:
    document = {"summary": "a text", "properties": {"description": {"type": "string", "description": "a text"}}}

    assert web.without_texts(document) == {"properties": {"description": {"type": "string"}}}
