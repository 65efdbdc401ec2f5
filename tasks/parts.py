"""The parts of a worker process (database, engines, brokers, market data), wired once per process, after the fork."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from config.settings import Settings
from config.values import SettingInvalid
from db import books, instruments, live, periodic_runs, policies, studies
from db.bars import StoredBars
from db.books import StoredBookClock
from db.core.session import Database, Session
from db.paper_ledger import StoredPaperLedger
from db.policies import PolicyChange
from db.rates import StoredRates
from db.studies import ComparedVersions
from domain import fills, ports
from domain.books import LIVE_BOOK, STANDING_BOOKS, is_replay_book
from domain.context import Quality
from domain.decision import EngineSlot
from domain.fills import FillModel
from domain.risk import Limits
from domain.study import derive_horizon_sessions
from domain.trade import PAPER_VENUE, RealVenue
from engines import loader
from engines.panel import Panel
from engines.remote import RemoteEngineSettings
from tasks import failpoints, notification_services, schedule, start_check
from tasks.exchange_answers import AnswerRecorder
from tasks.live_broker import AccountBroker
from tasks.rates import BookRates
from venues import catalogue
from venues import loader as venue_loader
from venues.paper import PaperBroker
from venues.stored_market_data import StoredMarketData


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that stages work with; `worker` names this process in leases."""

    settings: Settings
    database: Database
    engines: ports.EnginePanel
    clock: ports.BookClock
    fill_model: FillModel
    limits: Limits
    worker: str
    replayed: ports.MarketData
    standing: ports.MarketData
    paper_broker: ports.Broker
    real_broker: ports.Broker | None = None
    base_currencies: dict[str, str] = field(default_factory=dict)  # by book, as they become known

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a transaction."""
        with self.database.transaction() as session:
            yield session
            failpoints.reach_boundary("before_commit")
        failpoints.reach_boundary("after_commit")

    def market_data(self, book: str) -> ports.MarketData:
        """Return the market data provider of a book: stored bars for a replay, else the one for standing books."""
        return self.replayed if is_replay_book(book) else self.standing

    def broker(self, book: str) -> ports.Broker:
        """Return the broker of a book's real trades: the configured one for live, else the built-in paper venue."""
        return self.real_broker if book == LIVE_BOOK and self.real_broker is not None else self.paper_broker

    def venue(self, book: str) -> RealVenue:
        """Return the venue and account of a book's real orders."""
        broker = self.broker(book)
        return RealVenue(name=broker.name, account=broker.account)

    @property
    def rates(self) -> BookRates:
        """A finder of rates between currencies, for one batch."""
        return BookRates(StoredRates(self.database, self.base_currencies), self.market_data)

    @property
    def venue_books(self) -> tuple[str, ...]:
        """The books whose orders go to a venue other than paper."""
        return (LIVE_BOOK,) if self.real_broker is not None else ()


def make_parts(settings: Settings) -> Parts:
    """Wire the parts from the settings; call it after the fork, since connections must not be shared."""
    database = Database(settings.sqlalchemy_url)
    return Parts(
        settings=settings,
        database=database,
        engines=load_engines(settings),
        clock=StoredBookClock(database),
        fill_model=fills.DEFAULT,
        limits=Limits(max_open_per_symbol=settings.max_open_per_symbol),
        worker=f"{socket.gethostname()}:{os.getpid()}",
        replayed=StoredMarketData(bars=StoredBars(database), opened=Quality.REPLAY),
        standing=_build_standing_market_data(settings, database),
        paper_broker=PaperBroker(StoredPaperLedger(database), fills.DEFAULT),
        real_broker=AccountBroker(settings, database) if settings.broker != PAPER_VENUE else None,
    )


def _build_standing_market_data(settings: Settings, database: Database) -> ports.MarketData:
    """Return the market data of books that are no replay: the configured provider, else the bars of their alerts."""
    clock, stored = StoredBookClock(database), StoredMarketData(bars=StoredBars(database), opened=Quality.ALERT)
    if settings.market_data == catalogue.AUTO:
        return venue_loader.make_auto_market_data(
            stored, broker=settings.broker, url=settings.venue_url, clock=clock, report=AnswerRecorder(database)
        )
    named = venue_loader.make_market_data(
        settings.market_data,
        key=settings.broker_key,
        secret=settings.broker_secret,
        url=settings.venue_url,
        clock=clock,
    )
    return named or stored


def load_engines(settings: Settings) -> Panel:
    """Load both engines as the settings name them."""
    path = settings.engine_path
    remote = RemoteEngineSettings(hosts_allowed=settings.engine_hosts_allowed, secret=settings.engine_secret)
    return Panel(
        {
            EngineSlot.A: loader.load(
                settings.engine_a,
                variable="ENGINE_A",
                path=path,
                remote=remote,
                concurrency=settings.engine_a_concurrency,
                memory_mb=settings.engine_memory_mb,
            ),
            EngineSlot.B: loader.load(
                settings.engine_b,
                variable="ENGINE_B",
                path=path,
                remote=remote,
                concurrency=settings.engine_b_concurrency,
                memory_mb=settings.engine_memory_mb,
            ),
        },
        deadlines_s={EngineSlot.A: settings.engine_a_deadline_s, EngineSlot.B: settings.engine_b_deadline_s},
        cooldown_s=settings.engine_rest_s,
    )


@contextmanager
def open_versions(settings: Settings) -> Iterator[ComparedVersions]:
    """Yield the versions of engines and fill model that a study compares under these settings."""
    panel = load_engines(settings)
    try:
        yield ComparedVersions(
            engine_a=panel.versions[EngineSlot.A],
            engine_b=panel.versions[EngineSlot.B],
            fill_model=fills.DEFAULT.version,
            bars_needed_a=panel.bars_needed[EngineSlot.A],
            bars_needed_b=panel.bars_needed[EngineSlot.B],
            horizon_sessions=derive_horizon_sessions(*panel.longest_holds.values()),
        )
    finally:
        panel.close()


def prepare(settings: Settings) -> None:
    """Create what is missing of the standing books, their first policy, and a running study each.

    Raises:
        SettingInvalid: when the library of a configured venue is missing, when real trades are open at another venue,
            or when Apprise does not accept a URL of NOTIFY_URLS.
    """
    venue_loader.check_venue("BROKER", settings.broker)
    venue_loader.check_venue("MARKET_DATA", settings.market_data)
    notification_services.require_usable_urls(settings)
    database, wanted = Database(settings.sqlalchemy_url, pool_size=1), _build_first_policy(settings)
    try:
        with open_versions(settings) as versions, database.transaction() as session:
            books.ensure_standing(session)
            instruments.store_shipped(session)
            periodic_runs.register(session, schedule.list_intervals(settings))
            _require_same_venue(session, settings.broker)
            for book in STANDING_BOOKS:
                policies.seed(session, book, wanted)
                studies.ensure_running(session, book, versions)
        start_check.note_start(settings, database)
    finally:
        database.dispose()


def _build_first_policy(settings: Settings) -> PolicyChange:
    """Return the first policy of a book: what the environment sets, and defaults."""
    return PolicyChange(
        label=settings.policy_version,
        mode=settings.execution_mode,
        split_ppm=settings.split_ppm,
        set_by="environment",
        reason="the first start",
    )


def _require_same_venue(session: Session, broker: str) -> None:
    """Refuse a broker when real trades are open at another venue, since their exits would go to the wrong one."""
    for venue, count in live.count_open_trades_by_venue(session).items():
        if venue != catalogue.order_venue_name(broker):
            allowed = f"{count} real trades are open at {venue}, which must stay the broker until they are closed"
            raise SettingInvalid("BROKER", broker, allowed)
