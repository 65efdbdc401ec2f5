"""Every signal can be shown by the command line and the API, whatever its sender's message held."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NoReturn
from uuid import uuid4

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.redaction import redact
from app.cli import cli
from db.tables.base import Base
from stack.servers import ServerUrls
from tests.conftest import a_copy, with_database
from tests.support.api import REDIS_DB
from tests.support.builders.api_data import PopulatedApi, start_populated_api
from tests.support.servers.stacks import with_redis_database
from tests.unit.alerts.test_dialects import HACKING
from tests.unit.alerts.test_formats import FORMATS

COLUMNS = sorted({column.name for table in Base.metadata.tables.values() for column in table.columns})
RATIOS = ("confidence", "return_ratio", "split_percentage", "fraction", "latency_ms", "plan", "targets")
WHAT_IT_ASKS = {"symbol": "BTCUSDT", "action": "buy", "confidence": 80}
MESSAGES = [
    *(message for _, message, *_ in FORMATS),
    json.dumps(HACKING),
    '{"symbol":"A","action":"buy","confidence":7}',
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
    | st.sampled_from(["high", "7/10", "1e400", "NaN"])
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(RATIOS) | st.sampled_from(COLUMNS), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def database_url(server_urls: ServerUrls, template_database: str) -> Iterator[str]:
    with a_copy(server_urls, template_database) as name:
        yield with_database(server_urls.database_url, name)


@pytest.fixture(scope="module")
def api(server_urls: ServerUrls, database_url: str) -> Iterator[PopulatedApi]:
    with start_populated_api(database_url, with_redis_database(server_urls.redis_url, REDIS_DB)) as running:
        yield running


def refuse_constant(name: str) -> NoReturn:
    raise AssertionError(f"{name} is no JSON")


def with_floats(value: Any) -> Any:
    """Return a document with each of its numbers as a float: the database keeps 1e30 as a whole number."""
    match value:
        case dict():
            return {key: with_floats(item) for key, item in value.items()}
        case list():
            return [with_floats(item) for item in value]
        case int() | float() if not isinstance(value, bool):
            return float(value)
        case _:
            return value


def posted(api: PopulatedApi, body: bytes) -> str:
    """Post a message that is accepted and return the id of its signal."""
    answer = api.service.client.post(f"/webhook/{api.token}", data=body, content_type="text/plain")
    assert answer.status_code == 200, (body, answer.get_data(as_text=True))
    return str(answer.get_json()["signal_id"])


def shown(api: PopulatedApi, database_url: str, signal_id: str) -> dict[str, Any]:
    """Show a signal in every form there is, and return the document that two of them have in common."""
    runner = CliRunner(env={"DATABASE_URL": database_url})
    printed = runner.invoke(cli, ["signals", "show", signal_id])
    as_json = runner.invoke(cli, ["signals", "show", signal_id, "--json"])
    answer = api.service.get(f"/signals/{signal_id}")

    assert (printed.exit_code, as_json.exit_code, answer.status_code) == (0, 0, 200), (printed, as_json, answer)
    assert f"signal   {signal_id}" in printed.stdout
    document: dict[str, Any] = json.loads(answer.get_data(as_text=True), parse_constant=refuse_constant)
    assert document == json.loads(as_json.stdout, parse_constant=refuse_constant)
    return document


@pytest.mark.parametrize("message", MESSAGES, ids=[message[:40] for message in MESSAGES])
def test_the_signal_of_every_form_of_alert_is_shown(api: PopulatedApi, database_url: str, message: str) -> None:
    signal_id = posted(api, message.encode())

    assert shown(api, database_url, signal_id)["signal"]["signal_id"] == signal_id


@settings(max_examples=40)
@given(sent=documents)
def test_a_message_is_shown_as_it_was_sent_whatever_its_fields_are_called(
    api: PopulatedApi, database_url: str, sent: Any
) -> None:
    body = {**WHAT_IT_ASKS, "id": str(uuid4()), "extra": sent}

    signal = shown(api, database_url, posted(api, json.dumps(body).encode()))["signal"]

    assert signal["confidence"] == 80.0
    assert signal["read_from"]["confidence"] == ["confidence"]
    assert signal["raw_payload"]["confidence"] == 80
    assert with_floats(signal["raw_payload"]) == with_floats(redact(body))
