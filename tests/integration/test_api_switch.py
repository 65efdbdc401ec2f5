"""The switch by HTTP: a weaker act leaves a stronger one in force, and ending a flatten is asked for by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.servers import ServerUrls
from tests.support.api import REASON, REDIS_DB, ROLE_SCOPES, Service, start_api
from tests.support.open_positions import an_open_book
from tests.support.pipeline import settings_for
from tests.support.servers.stacks import with_redis_database

SWITCH = {"book": "paper", "reason": REASON}


@pytest.fixture
def service(database_url: str, server_urls: ServerUrls) -> Iterator[Service]:
    """Give the API of an instance whose paper book has two open real trades."""
    an_open_book(database_url, count=2).database.dispose()
    redis_url = with_redis_database(server_urls.redis_url, REDIS_DB)
    with start_api(settings_for(database_url, redis_url), redis_url=redis_url) as running:
        running.accept_tokens(**ROLE_SCOPES)
        yield running


def test_a_weaker_act_leaves_a_stronger_one_in_force(service: Service) -> None:
    acts = ("flatten", "pause", "end-flatten", "resume")

    answers = [service.post(f"/policy/{act}", SWITCH, token="operator").get_json() for act in acts]

    assert [(one["policy"]["switch"], one["changed"], one["open"]["trades"]) for one in answers] == [
        ("flat", True, 2),
        ("flat", False, 2),
        ("paused", True, 2),
        ("on", True, 2),
    ]


def test_a_flatten_that_is_not_going_on_is_not_ended(service: Service) -> None:
    answer = service.post("/policy/end-flatten", SWITCH, token="operator")

    assert answer.status_code == 409
    assert answer.get_json()["detail"] == "paper is not being flattened: its switch is on"


def test_resuming_what_is_being_flattened_is_a_conflict_that_names_the_way(service: Service) -> None:
    service.post("/policy/flatten", SWITCH, token="operator")

    answer = service.post("/policy/resume", SWITCH, token="operator")

    assert answer.status_code == 409
    assert answer.get_json()["detail"] == (
        "paper is being flattened, and 2 real positions and 0 entry orders are still open;"
        " to leave them open, POST /policy/end-flatten first"
    )
