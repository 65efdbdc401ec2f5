"""A web application with rows of every kind that the API shows: study, signals, messages, incidents, a source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.web.deadlines import Deadlines
from config.vault import TokenVault
from db import canaries, incidents
from db.core.session import Session
from domain.signal import Source
from operations import source_tokens
from tasks.queues import PIPELINE
from tests.support.api import TOKEN, Service, start_api
from tests.support.builders.example_study import a_small_study
from tests.support.patience import PATIENT
from tests.support.pipeline import add_trend, prepared, run_all, settings_for, store_signal

BOOK = "replay:0123456789ab"
DESK = Source(
    name="desk",
    book="paper",
    strategy="",
    timeframe=None,
    exchange="",
    instrument_kind=None,
    sell_alone=None,
    confidence_scale=100,
    max_lag_s=300,
    symbols={"US100": "NASDAQ:NDX"},
)
_ONE_OF_EACH = """
    SELECT signals.signal_id, experiments.experiment_id, trade_id, study_id, order_id
    FROM trades JOIN experiments USING (experiment_id) JOIN signals USING (signal_id) JOIN orders USING (trade_id)
    WHERE trades.book = :book ORDER BY is_shadow LIMIT 1
"""
_STAGE = "INSERT INTO signal_events (signal_id, stage, written_by) VALUES (:signal_id, 1, gen_random_uuid())"
_MOVE = "INSERT INTO order_events (order_id, from_state, to_state) VALUES (:order_id, 'accepted', 'filled')"


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulatedApi:
    """The web application, and the ids of one row of each kind; `desk` is the source whose token is known.

    `ids` are of the small study and `run_ids` of a signal that the real stages worked on.
    """

    service: Service
    ids: dict[str, UUID]
    run_ids: dict[str, UUID]
    token: str


@contextmanager
def start_populated_api(
    database_url: str, redis_url: str, *, deadlines: Deadlines = PATIENT, **environ: str
) -> Iterator[PopulatedApi]:
    """Run a web application on a prepared database with rows of every kind."""
    parts = prepared(database_url, redis_url)
    add_trend(parts.database)
    run_all(parts, [store_signal(parts.database)])
    parts.database.dispose()
    settings = settings_for(database_url, redis_url, API_TOKEN=TOKEN, LOG_LEVEL="ERROR", **environ)
    with start_api(settings, redis_url=redis_url, deadlines=deadlines) as service:
        service.redis.flushdb()
        with service.database.transaction() as session:
            token = source_tokens.issue(session, TokenVault(settings.secret_key or ""), DESK)
            a_small_study(session, book=BOOK)
            ids, run_ids = _one_of_each(session, BOOK), _one_of_each(session, "paper")
            _add_transitions(session, ids)
            incident_id = _add_incidents(session)
            canaries.record_sent(session, [PIPELINE], settings)
        event_id = service.store_quarantined_message(
            {"symbol": "BTCUSDT", "action": "dance"}, errors='{"action": ["must be known"]}'
        )
        service.store_dead_signal()
        common = {"event_id": event_id, "incident_id": incident_id}
        yield PopulatedApi(service=service, ids=ids | common, run_ids=run_ids | common, token=token)
        service.redis.flushdb()


def _one_of_each(session: Session, book: str) -> dict[str, UUID]:
    return dict(session.execute(text(_ONE_OF_EACH), {"book": book}).mappings().one())


def _add_transitions(session: Session, ids: dict[str, UUID]) -> None:
    for statement in (_STAGE, _MOVE):
        session.execute(text(statement), ids)


def _add_incidents(session: Session) -> UUID:
    incidents.open_(session, kind="position_drift", subject="BTCUSDT", detail={"ours": "1", "theirs": "2"})
    incidents.open_(session, kind="source_silent", subject="desk", detail={})
    incidents.close_resolved(session, kind="source_silent", still=[])
    (open_one,) = incidents.list_open(session)
    incident_id = open_one["incident_id"]
    assert isinstance(incident_id, UUID)
    return incident_id
