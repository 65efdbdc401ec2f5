"""Alerts that go all the way in one process: posted to the web application, then through the stages of the pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import structlog

from db import bars, exit_incidents
from domain.context import Bar, MarketContext, MarketView, PriceSide, Quote
from domain.decision import Decision
from domain.intervals import Interval
from domain.market_prices import FillRequest
from domain.ports import EnginePanel, Feed, MarketData, ViewRequest, WalkBars
from domain.signal import Instrument, InstrumentKind, Signal, Stage
from stack.servers import ServerUrls
from tasks import exit_tasks
from tasks.parts import Parts
from tests.support.fakes.scripted_engines import Answer, answer_entering, scripted_panel
from tests.support.pipeline import prepared, rows, run_all
from tests.support.webhook import WebhookApp, start_webhook_app

REAL = "SELECT * FROM trades WHERE NOT is_shadow AND status IN ('pending', 'open') ORDER BY entry_at, trade_id"
OPEN_INCIDENTS = "SELECT kind, subject, detail FROM incidents WHERE closed_at IS NULL ORDER BY opened_at, incident_id"


@dataclass(kw_only=True)
class PricelessMarket:
    """A provider of market data that knows no price at present; contexts are built as before."""

    inner: MarketData

    def views(self, requests: Sequence[ViewRequest]) -> list[MarketView]:
        """Return the inner provider's views."""
        return self.inner.views(requests)

    def walk_bars(self, book: str, instrument: Instrument, *, after: datetime, until: datetime) -> WalkBars:
        """Return the inner provider's bars."""
        return self.inner.walk_bars(book, instrument, after=after, until=until)

    def quote(self, book: str, instrument: Instrument, *, at: datetime) -> MarketView:
        """Return a quote without a price."""
        view = self.inner.quote(book, instrument, at=at)
        return replace(view, quote=replace(view.quote, bid=None, ask=None, last=None))

    def fill_quotes(self, requests: Sequence[FillRequest]) -> list[Quote | None]:
        """Return no quote for any request."""
        return [None for _ in requests]


@dataclass(kw_only=True)
class AlertPipeline:
    """A source named `desk` in the paper book, whose engines enter whatever they are asked about."""

    parts: Parts
    webhook: WebhookApp

    def __post_init__(self) -> None:
        self._market = self.parts.standing

    def send(self, *bodies: Mapping[str, Any] | bytes, token: str | None = None) -> list[UUID]:
        """Post alerts one after the other, each through all stages; return the ids of the new signals."""
        return [signal_id for body in bodies for signal_id in self.work_off(self.post(body, token=token))]

    def post(self, body: Mapping[str, Any] | bytes, *, token: str | None = None) -> list[UUID]:
        """Post an alert; return the ids of the new signals."""
        known = rows(self.parts.database, "SELECT coalesce(max(seq), 0) AS seq FROM signals")[0]["seq"]
        status, answer = self.webhook.post(body if isinstance(body, bytes) else dict(body), token=token)
        assert status in (200, 422), answer
        new = rows(self.parts.database, "SELECT signal_id FROM signals WHERE seq > :known ORDER BY seq", known=known)
        return [row["signal_id"] for row in new]

    def work_off(self, signal_ids: list[UUID]) -> list[UUID]:
        """Take signals through all stages, together."""
        if signal_ids:
            run_all(self.parts, signal_ids)
        return signal_ids

    def work_off_alone(self, signal_ids: list[UUID]) -> None:
        """Take signals through the stages that are left to them, as the sweep would once their leases have ended."""
        rows(
            self.parts.database,
            "UPDATE signals SET lock_expires_at = now() - interval '1 s'"
            " WHERE processing_lock IS NOT NULL AND signal_id = ANY(:ids) RETURNING 1",
            ids=signal_ids,
        )
        run_all(self.parts, signal_ids)

    def work_off_until_dispatched(self, signal_ids: list[UUID]) -> UUID:
        """Take signals through the stages up to the one that opens trades; return the token of the lease."""
        lock = uuid4()
        run_all(self.parts, signal_ids, to=Stage.DISPATCHED, lock=lock)
        return lock

    def know_price(self, symbol: str, price: str, *, ago_s: int = 60) -> None:
        """Store a bar of one minute that closed so many seconds ago at a price."""
        feed = Feed(
            book="paper",
            instrument=Instrument(symbol=symbol, exchange="", kind=InstrumentKind.UNKNOWN),
            interval=Interval.parse("1m"),
            side=PriceSide.MID,
        )
        opened, value = datetime.now(UTC) - timedelta(seconds=ago_s + 60), Decimal(price)
        bar = Bar(open_time=opened, open=value, high=value, low=value, close=value, volume=None)
        with self.parts.transaction() as session:
            bars.add(session, feed, [bar])

    def forget_prices(self) -> None:
        """Have no price of anything from now on, until `know_prices`."""
        self.parts = replace(self.parts, standing=PricelessMarket(inner=self._market))

    def know_prices(self) -> None:
        """Have prices again."""
        self.parts = replace(self.parts, standing=self._market)

    def set_pyramiding(self, most: int) -> None:
        """Let the source hold so many real trades at once in one strategy, symbol and side."""
        rows(self.parts.database, "UPDATE sources SET pyramiding = :most WHERE name = 'desk' RETURNING 1", most=most)

    def evaluate_exits(self, *, at: datetime | None = None, book: str = "paper") -> None:
        """Do what the exits worker does each second."""
        exit_tasks.walk_book(self.parts, book, until=at or datetime.now(UTC))

    def end_incidents(self) -> None:
        """Close the incidents whose trades are closed, as the exits worker does."""
        with self.parts.transaction() as session:
            exit_incidents.close_finished(session)

    def watch_dead_exits(self) -> None:
        """Look for exits that were given up, as the exits worker does."""
        with self.parts.transaction() as session:
            exit_incidents.open_about_dead_exits(session)

    def open_real(self) -> list[dict[str, Any]]:
        """Return the real trades that are pending or open."""
        return rows(self.parts.database, REAL)

    def open_models(self) -> list[dict[str, Any]]:
        """Return the model trades that are open on their own clock."""
        query = "SELECT * FROM trades WHERE is_shadow AND status = 'open' AND (walk->>'remaining')::numeric > 0"
        return rows(self.parts.database, query)

    def incidents(self) -> list[dict[str, Any]]:
        """Return the open incidents."""
        return rows(self.parts.database, OPEN_INCIDENTS)

    def kinds(self) -> list[str]:
        """Return the kinds of the open incidents."""
        return [incident["kind"] for incident in self.incidents()]

    def flags(self, signal_id: UUID) -> list[str]:
        """Return the flags of a signal."""
        (row,) = rows(self.parts.database, "SELECT flags FROM signals WHERE signal_id = :id", id=signal_id)
        return list(row["flags"])

    def result(self, signal_id: UUID) -> dict[str, Any]:
        """Return what became of an alert that closes."""
        (row,) = rows(self.parts.database, "SELECT * FROM exit_results WHERE signal_id = :id", id=signal_id)
        return row


@contextmanager
def start_alert_pipeline(
    database_url: str, server_urls: ServerUrls, *, engines: EnginePanel | None = None, **source: Any
) -> Iterator[AlertPipeline]:
    """Prepare a database and a web application on it; `source` are settings of the source."""
    made = prepared(database_url, server_urls.redis_url, MAX_OPEN_PER_SYMBOL="1000")
    panel = engines or scripted_panel(enter(), enter())
    try:
        with start_webhook_app(database_url, **source) as webhook:
            # The stages run in this process, and later tests want to capture what they log.
            structlog.configure(cache_logger_on_first_use=False)
            yield AlertPipeline(parts=replace(made, engines=panel), webhook=webhook)
    finally:
        made.database.dispose()


def enter() -> Answer:
    """Return an engine's answer that enters at whatever price, with stop and target a tenth of it away."""

    def answer(signal: Signal, context: MarketContext) -> Decision:
        tenth = format((context.current_price or Decimal(1)) / 10, "f")
        return answer_entering(stop=tenth, targets=(tenth,))(signal, context)

    return answer


def firing_time(offset_s: float = 0) -> str:
    """Return a firing time as TradingView writes it, so many seconds from now."""
    return (datetime.now(UTC) + timedelta(seconds=offset_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
