"""Lists: pages that give each row once, filters, and CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.api import paging, registration
from stack.servers import ServerUrls
from tests.conftest import a_copy, with_database
from tests.support.api import REDIS_DB, Service
from tests.support.builders.api_data import BOOK, PopulatedApi, start_populated_api
from tests.support.servers.stacks import with_redis_database

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
LISTS = ("sources", "signals", "quarantine", "experiments", "trades", "policy", "studies", "incidents")
BAD_CURSORS = ("x", "é", "bm90IGpzb24", "W10", "WyJpbmNpZGVudHMiXQ", "WyJzaWduYWxzIiwgMV0", "[" * 5000)
Rows = Sequence[tuple[int, str]]


@pytest.fixture(scope="module")
def api(server_urls: ServerUrls, template_database: str) -> Iterator[PopulatedApi]:
    redis_url = with_redis_database(server_urls.redis_url, REDIS_DB)
    with (
        a_copy(server_urls, template_database) as name,
        start_populated_api(with_database(server_urls.database_url, name), redis_url) as made,
    ):
        yield made


def arrive(service: Service, kind: str, rows: Rows) -> set[str]:
    """Open incidents of a kind, each so many minutes after noon; return their ids."""
    insert = text(
        "INSERT INTO incidents (kind, subject, detail, opened_at) VALUES (:kind, :subject, '{}', :at)"
        " RETURNING incident_id"
    )
    with service.database.transaction() as session:
        return {
            str(session.execute(insert, {"kind": kind, "subject": subject, "at": at}).scalar_one())
            for minutes, subject in rows
            for at in [NOON + timedelta(minutes=minutes)]
        }


def leave(service: Service, kind: str) -> None:
    """Take incidents of a kind away again, which other tests do not know."""
    with service.database.transaction() as session:
        session.execute(text("DELETE FROM incidents WHERE kind = :kind"), {"kind": kind})


@pytest.fixture
def kind(api: PopulatedApi) -> Iterator[str]:
    """Give a kind of incidents that nobody else has."""
    made = uuid4().hex
    yield made
    leave(api.service, made)


arrivals = st.lists(st.integers(0, 3), max_size=6)


@pytest.mark.property_id(47)
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(first=st.lists(st.integers(0, 3), max_size=12), later=st.lists(arrivals, max_size=4), limit=st.integers(1, 5))
def test_pages_together_give_each_row_once_whatever_arrives_meanwhile(
    api: PopulatedApi, first: list[int], later: list[list[int]], limit: int
) -> None:
    service, kind = api.service, uuid4().hex
    there = arrive(service, kind, [(minutes, f"first {number}") for number, minutes in enumerate(first)])
    waiting = [[(minutes, f"later {page} {n}") for n, minutes in enumerate(one)] for page, one in enumerate(later)]

    given_out: list[dict[str, Any]] = []
    cursor = None
    while True:
        query = {"kind": kind, "limit": limit} | ({"cursor": cursor} if cursor else {})
        page = service.get(f"/incidents?{urlencode(query)}").get_json()
        given_out += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
        if waiting:
            arrive(service, kind, waiting.pop())

    leave(service, kind)
    ids = [one["incident_id"] for one in given_out]
    order = [(one["opened_at"], one["incident_id"]) for one in given_out]
    assert len(ids) == len(set(ids))
    assert there <= set(ids)
    assert order == sorted(order, reverse=True)


@pytest.mark.parametrize("name", LISTS)
def test_each_list_turned_one_row_at_a_time_is_the_list_at_once(api: PopulatedApi, name: str) -> None:
    at_once = api.service.items(f"/{name}")
    path, turned = f"/{name}?limit=1", []

    while path:
        answer = api.service.get(path)
        turned += answer.get_json()["items"]
        link = answer.headers.get("Link")
        path = link.partition(">")[0].removeprefix("</api/v1") if link else ""

    assert len(at_once) > 0
    assert turned == at_once


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("cursor", BAD_CURSORS)
def test_a_cursor_that_is_not_of_this_list_is_named(api: PopulatedApi, name: str, cursor: str) -> None:
    answer = api.service.get(f"/{name}?{urlencode({'cursor': cursor})}")

    if (name, cursor) == ("signals", "WyJzaWduYWxzIiwgMV0"):  # ["signals", 1]
        assert answer.status_code == 200
        return
    assert answer.status_code == 422
    assert answer.get_json()["errors"] == {"cursor": ["is not the `next` of this list"]}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=x", "limit"),
        ("nonsense=1", "nonsense"),
        ("limit=1&limit=2", "limit"),
        ("format=xml", "format"),
        ("format=csv&limit=5", "limit"),
        ("format=csv&cursor=x", "cursor"),
    ],
)
def test_a_bad_query_is_named_by_its_parameter(api: PopulatedApi, name: str, query: str, field: str) -> None:
    answer = api.service.get(f"/{name}?{query}")

    assert answer.status_code == 422
    assert list(answer.get_json()["errors"]) == [field]


@pytest.mark.parametrize("name", [one for one in LISTS if one not in ("studies", "sources")])
def test_text_that_no_row_can_hold_is_refused_and_not_asked_for(api: PopulatedApi, name: str) -> None:
    field = {"incidents": "kind"}.get(name, "book")

    answers = [api.service.get(f"/{name}?{urlencode({field: value})}") for value in ("\x00", "", "a" * 201)]

    assert [(one.status_code, list(one.get_json()["errors"])) for one in answers] == [(422, [field])] * 3


FILTERS = [
    ("signals", {"book": "paper"}, "book", "paper"),
    ("signals", {"status": "dead"}, "status", "dead"),
    ("signals", {"action": "entry"}, "action", "entry"),
    ("signals", {"symbol": "EURUSD"}, "symbol", "EURUSD"),
    ("signals", {"source": "tests"}, "source", "tests"),
    ("quarantine", {"source": "tests"}, "source", "tests"),
    ("quarantine", {"kind": "quarantined"}, "kind", "quarantined"),
    ("quarantine", {"redriven": "no"}, "redriven_at", None),
    ("quarantine", {"book": "paper"}, "book", "paper"),
    ("experiments", {"book": BOOK}, "book", BOOK),
    ("experiments", {"symbol": "EURUSD"}, "symbol", "EURUSD"),
    ("trades", {"engine": "B"}, "engine", "B"),
    ("trades", {"is_shadow": "false"}, "is_shadow", False),
    ("trades", {"status": "open"}, "status", "open"),
    ("trades", {"book": BOOK}, "book", BOOK),
    ("trades", {"symbol": "EURUSD"}, "symbol", "EURUSD"),
    ("policy", {"book": "paper"}, "book", "paper"),
    ("studies", {"book": "live"}, "book", "live"),
    ("incidents", {"open": "true"}, "closed_at", None),
    ("incidents", {"kind": "position_drift"}, "kind", "position_drift"),
    ("incidents", {"subject": "desk"}, "subject", "desk"),
    ("sources", {"book": "paper"}, "book", "paper"),
    ("sources", {"enabled": "true"}, "enabled", True),
]


@pytest.mark.parametrize(("name", "query", "field", "value"), FILTERS)
def test_a_filter_gives_the_rows_that_meet_it_and_all_of_them(
    api: PopulatedApi, name: str, query: dict[str, str], field: str, value: object
) -> None:
    every = api.service.items(f"/{name}?limit=500")

    found = api.service.items(f"/{name}?{urlencode(query)}&limit=500")

    assert found == [one for one in every if one[field] == value]
    assert found


def test_experiments_are_found_by_their_variant_and_by_their_study(api: PopulatedApi) -> None:
    every = api.service.items("/experiments")

    found = {variant: api.service.items(f"/experiments?variant={variant}") for variant in ("A", "B")}

    assert found == {variant: [one for one in every if one["variant"] == variant] for variant in ("A", "B")}
    assert len(every) == 5
    assert api.service.items(f"/experiments?study={api.ids['study_id']}") == [
        one for one in every if one["study"] == "first"
    ]
    assert api.service.items(f"/experiments?study={uuid4()}") == []


def test_signals_are_found_by_when_they_were_received(api: PopulatedApi) -> None:
    found = [
        api.service.items(f"/signals?{query}")
        for query in ("since=2026-03-04T12:00:00Z", "until=2026-03-04T12:00:00Z", "since=2026-03-04T12:00:01")
    ]

    assert [{one["symbol"] for one in signals} for signals in found] == [{"BTCUSDT"}, {"EURUSD"}, set()]


@pytest.mark.parametrize("name", LISTS)
def test_each_list_as_csv_has_the_rows_it_has_as_json(api: PopulatedApi, name: str) -> None:
    rows = api.service.items(f"/{name}?limit=500")
    (output,) = [
        module.LIST_OUTPUT
        for module in registration.RESOURCES
        if hasattr(module, "LIST_OUTPUT") and module.LIST_OUTPUT.name == name
    ]

    by_parameter, by_header = api.service.get(f"/{name}?format=csv"), api.service.get(f"/{name}", Accept="text/csv")

    sheet = api.service.csv_rows(f"/{name}?format=csv")
    assert by_parameter.data == by_header.data
    assert by_parameter.headers["Content-Disposition"] == f'attachment; filename="{name}.csv"'
    assert len(sheet) == len(rows)
    assert set(sheet[0]) == set(rows[0]) - output.omitted_in_csv
    for row, line in zip(rows, sheet, strict=True):
        plain = {field: line[field] for field in line if isinstance(row[field], str)}
        assert plain == {field: row[field] for field in plain}


def test_a_sheet_has_no_token_not_even_an_administrators(api: PopulatedApi) -> None:
    sheet = api.service.get("/sources?format=csv").get_data(as_text=True)

    assert api.token not in sheet
    assert "desk" in sheet


def test_a_sheet_is_longer_than_a_page(api: PopulatedApi, kind: str) -> None:
    arrive(api.service, kind, [(number % 7, f"subject {number}") for number in range(2 * paging.MOST + 1)])

    sheet = api.service.csv_rows(f"/incidents?kind={kind}&format=csv")

    assert len({one["incident_id"] for one in sheet}) == len(sheet) == 2 * paging.MOST + 1


def test_no_cell_of_text_begins_a_formula_and_numbers_stay_numbers(api: PopulatedApi, kind: str) -> None:
    formulas = ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "＝1+1", "＋1", "－1", "＠sum"]
    subjects = [*formulas, 'plain, with "quotes"\nand lines', "'=1"]
    arrive(api.service, kind, [(-number, subject) for number, subject in enumerate(subjects)])

    sheet = api.service.csv_rows(f"/incidents?kind={kind}&format=csv")

    assert [one["subject"] for one in sheet] == [f"'{one}" for one in formulas] + subjects[len(formulas) :]
    trades = api.service.csv_rows("/trades?format=csv")
    assert {one["quantity"] for one in trades if one["book"] == BOOK} == {"100", "300"}
    assert {one["is_shadow"] for one in trades} == {"true", "false"}
    assert {one["denial"] for one in trades} == {""}
