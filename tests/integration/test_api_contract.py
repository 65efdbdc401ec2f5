"""The API does what its document says, whatever it is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import schemathesis
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.factory import create_app
from stack.servers import ServerUrls
from tests.conftest import a_copy, with_database
from tests.support.api import PREFIX, REDIS_DB, TOKEN
from tests.support.builders.api_data import PopulatedApi, start_populated_api
from tests.support.pipeline import settings_for
from tests.support.servers.stacks import with_redis_database

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
BEARER = {"Authorization": f"Bearer {TOKEN}"}
DONE = {200, 201, 409}
HOW_MUCH = """
    SELECT (SELECT count(*) FROM audit_log) AS acts, (SELECT count(*) FROM sources) AS sources,
           (SELECT count(*) FROM policy_versions) AS versions
"""
AS_EVER = settings(
    max_examples=50, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)


def the_document() -> dict[str, Any]:
    """Return the document; nothing connects for it."""
    app = create_app(settings_for("postgresql://nowhere/none", "redis://nowhere", API_TOKEN=TOKEN))
    answer = app.test_client().get(f"{PREFIX}/openapi.json", headers=BEARER)
    structlog.reset_defaults()
    document = answer.get_json()
    assert isinstance(document, dict)
    return document


DOCUMENT = the_document()
OPERATIONS = [
    f"{method.upper()} {path}" for path, item in DOCUMENT["paths"].items() for method in item if method != "parameters"
]


@pytest.fixture(scope="module")
def api(server_urls: ServerUrls, template_database: str) -> Iterator[PopulatedApi]:
    redis_url = with_redis_database(server_urls.redis_url, REDIS_DB)
    with (
        a_copy(server_urls, template_database) as name,
        start_populated_api(with_database(server_urls.database_url, name), redis_url) as made,
    ):
        yield made


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_is_as_the_document_says(api: PopulatedApi, operation: str) -> None:
    asked = the_operation(api, operation)
    seen = set()

    @AS_EVER
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
        path = data.draw(st.sampled_from([known(api.ids, asked), known(api.run_ids, asked), None]))
        case = data.draw(asked.as_strategy(mode, path_parameters=path))
        answer = case.call_and_validate(headers=BEARER, checks=CHECKS)
        seen.add(answer.status_code)

    holds()
    assert seen & DONE, "everything was refused, which shows nothing"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_stranger_is_answered_the_same_by_every_operation(api: PopulatedApi, operation: str) -> None:
    asked = the_operation(api, operation)

    @settings(AS_EVER, max_examples=5)
    @given(asked.as_strategy(path_parameters=known(api.ids, asked)))
    def holds(case: Any) -> None:
        answer = case.call(headers={"Authorization": ""})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == ["Bearer"]
        document = json.loads(answer.content)
        assert (document["status"], document["detail"]) == (401, "this needs a token: Authorization: Bearer ...")

    before = api.service.rows(HOW_MUCH)
    holds()
    assert api.service.rows(HOW_MUCH) == before


def test_everything_in_the_document_is_described_and_typed_and_named_once() -> None:
    operations = [one for item in DOCUMENT["paths"].values() for name, one in item.items() if name != "parameters"]
    parameters = [one for item in DOCUMENT["paths"].values() for one in item.get("parameters", [])]
    parameters += [one for operation in operations for one in operation.get("parameters", [])]
    schemas = DOCUMENT["components"]["schemas"]

    undescribed = [
        f"{schema}.{name}"
        for schema, told in schemas.items()
        for name, one in told["properties"].items()
        if not one.get("description")
    ]
    untyped = [
        f"{schema}.{name}"
        for schema, told in schemas.items()
        for name, one in told["properties"].items()
        if not {"type", "$ref", "allOf", "anyOf"} & set(one)
    ]

    schemathesis.openapi.from_dict(DOCUMENT).validate()
    assert undescribed == []
    assert untyped == []
    assert [one["name"] for one in parameters if not one.get("description")] == []
    assert all(one["summary"] and one["tags"] and one["security"] for one in operations)
    assert len({one["operationId"] for one in operations}) == len(operations) == len(OPERATIONS)
    assert DOCUMENT["openapi"] == "3.1.0"


def test_the_table_of_routes_in_the_documents_is_the_one_there_is() -> None:
    table = (Path(__file__).parents[2] / "docs" / "api.md").read_text().partition("## Routes")[2]

    written = re.findall(r"^\| `(GET|POST) (\S+)` \| (\w+) \|", table, flags=re.MULTILINE)

    assert written == [
        (method.upper(), path.removeprefix(PREFIX), operation["security"][0]["bearer"][0])
        for path, item in DOCUMENT["paths"].items()
        for method, operation in sorted(item.items())
        if method != "parameters"
    ]


def test_every_error_of_every_operation_is_a_problem_but_a_refusal_that_lists_its_ids() -> None:
    refusals = {"rerun_signals", "redrive_events"}
    errors = [
        (operation["operationId"], status, list(resolved(answer)["content"]))
        for item in DOCUMENT["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
        for status, answer in operation["responses"].items()
        if int(status) >= 400
    ]

    assert {"401", "403", "404", "409", "413", "415", "422", "429", "503"} == {status for _, status, _ in errors}
    assert {(name, status) for name, status, kinds in errors if kinds != ["application/problem+json"]} == {
        (name, "409") for name in refusals
    }


def known(ids: dict[str, UUID], operation: Any) -> dict[str, Any]:
    there: dict[str, Any] = {"name": "desk"} | {name: str(one) for name, one in ids.items()}
    return {one.name: there[one.name] for one in operation.path_parameters}


def resolved(answer: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in answer:
        return answer
    found: dict[str, Any] = DOCUMENT["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return found


def the_operation(api: PopulatedApi, label: str) -> Any:
    schema = schemathesis.openapi.from_wsgi(f"{PREFIX}/openapi.json", api.service.app, headers=BEARER)
    every: list[Any] = [one.ok() for one in schema.get_all_operations()]  # type: ignore[union-attr]  # none is invalid
    (found,) = [one for one in every if one.label == label]
    return found
