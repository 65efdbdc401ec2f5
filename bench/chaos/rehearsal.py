"""One seed: a stack whose live book trades at a lossy venue, under load, while what the seed names fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from bench import ground, market
from bench.chaos import checker, faults
from bench.chaos.checker import Evidence, Violation
from bench.chaos.faults import LOSSY, Kind
from bench.chaos.injector import Injector
from bench.chaos.sender import PRICE, SYMBOLS, Sender
from bench.chaos.venue import BROKER, VenueProcess
from bench.chaos.watch import Watch
from bench.ground import BenchFailed, Ground
from config.settings import Settings
from config.vault import TokenVault
from db import accounts, live, policies, verification
from db.core.errors import SQLAlchemyError
from db.core.session import Database
from db.policies import PolicyChange
from domain.books import LIVE_BOOK
from domain.policy import Switch
from domain.signal import Source
from operations import source_tokens
from stack.stack import RunningStack

ENVIRONMENT = {
    "LEASE_S": "3",
    "SIGNAL_POLL_INTERVAL_MS": "200",
    "WORKER_BACKOFF_MS": "100",
    "ENGINE_A": "committee",
    "MAX_OPEN_PER_SYMBOL": "100000",
    "LOG_LEVEL": "WARNING",
}
DEATHS_ALLOWED = 100_000
_SWITCHED_FOR_S = 3.0
_DRAIN_S = 120.0
_SOURCE = Source(
    name="rehearsal",
    book=LIVE_BOOK,
    strategy="",
    timeframe=None,
    exchange="",
    instrument_kind=None,
    sell_alone=None,
    confidence_scale=100,
    max_lag_s=3600,
)
_LEFT = """
    SELECT (SELECT count(*) FROM signals WHERE status = 'open') + (SELECT count(*) FROM orders
            WHERE state NOT IN ('filled', 'cancelled', 'expired', 'rejected', 'denied', 'manual_review'))
"""
_TRADED = "SELECT EXISTS (SELECT FROM orders WHERE venue NOT IN ('model', 'paper') AND state = 'filled')"
_NEWEST = "SELECT (SELECT max(event_id) FROM order_events), (SELECT count(*) FROM fills)"
_COUNTS = """
    SELECT (SELECT count(*) FROM signals), (SELECT count(*) FROM signals WHERE status <> 'open'),
        (SELECT count(*) FROM signals WHERE status = 'dead'),
        (SELECT count(*) FROM orders WHERE venue NOT IN ('model', 'paper'))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one seed: alerts answered with 2xx, signals ended, orders sent, and everything that is wrong.

    Of the `processed` signals, `dead` are dead letters: kept, with their error, for an operator to rerun.
    `recoveries` gives for each fault how long it took until a signal stored after it was processed (None: no signal
    was stored after it), `drained_s` how long after the last fault nothing was left to do (None: never).
    """

    seed: int
    accepted: int
    unanswered: int
    stored: int
    processed: int
    dead: int
    orders: int
    deaths: int
    restarts: int
    drained_s: float | None
    recoveries: tuple[tuple[Kind, float | None], ...]
    violations: tuple[Violation, ...]


def rehearse(given: Ground, venue: VenueProcess, *, seed: int, seconds: float, rate: float) -> Outcome:
    """Run one seed on a stack that is up, and compare what is left."""
    _go_live(given.settings)
    market.store_rising(given.settings, book=LIVE_BOOK, at=datetime.now(UTC), symbols=SYMBOLS)
    venue.control(prices={symbol: {"bid": PRICE, "ask": PRICE} for symbol in SYMBOLS})
    sender = Sender(_webhook(given.stack), seed=seed, rate=rate)
    _see_it_work(sender, given.settings)
    venue.control(faults=[{"times": None, **one} for one in LOSSY])
    injector = Injector(given.stack, venue)
    with Watch(given.stack) as watch:
        posting = threading.Thread(target=sender.run, kwargs={"seconds": seconds}, name="sender")
        posting.start()
        _fail(injector, given.settings, seed=seed, seconds=seconds)
        posting.join()
        venue.control(clear=True, release=True)
        drained_s = _drained(given.settings)
        recoveries = tuple((kind, watch.recovery_s(at)) for kind, at in injector.done)
    return _outcome(given, venue, sender, injector, watch, seed=seed, drained_s=drained_s, recoveries=recoveries)


def _go_live(settings: Settings) -> None:
    """Let the live book trade at the venue, with the keys that the environment of its processes gives."""
    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        with database.transaction() as session:
            accounts.add(session, _SOURCE.name, venue=BROKER, keys=None)
            live.switch_on(session, _SOURCE.name, actor=_SOURCE.name, reason="a rehearsal")
    finally:
        database.dispose()


def _see_it_work(sender: Sender, settings: Settings) -> None:
    """Have one entry go all the way to the venue before anything fails: by then every process that it needs is up.

    Raises:
        BenchFailed: when it does not get there.
    """
    sender.send_entry()
    if not ground.until(lambda: _tried(lambda: _has_traded(settings)), _DRAIN_S) or _drained(settings) is None:
        raise BenchFailed(f"an entry on an undisturbed stack was not traded within {_DRAIN_S:.0f} s")


def _has_traded(settings: Settings) -> bool:
    with psycopg.connect(settings.database_url or "", connect_timeout=2) as connection:
        return connection.execute(_TRADED).fetchall() == [(True,)]


def _webhook(stack: RunningStack) -> str:
    database = Database(stack.settings.sqlalchemy_url, pool_size=1)
    try:
        with database.transaction() as session:
            token = source_tokens.issue(session, TokenVault(stack.settings.secret_key or ""), _SOURCE)
    finally:
        database.dispose()
    return f"{stack.web_url}/webhook/{token}"


def _fail(injector: Injector, settings: Settings, *, seed: int, seconds: float) -> None:
    """Let happen what the seed names, and in the middle of it throw the switch for a while."""
    started, switched = time.monotonic(), False
    for fault in faults.drawn(seed, seconds=seconds):
        time.sleep(max(0.0, started + fault.at_s - time.monotonic()))
        if not switched and fault.at_s >= seconds / 2:
            switched = True
            _switch(settings, Switch.PAUSED)
            threading.Timer(_SWITCHED_FOR_S, _switch, (settings, Switch.ON)).start()
        injector.inject(fault)
    time.sleep(max(0.0, started + seconds - time.monotonic()))


def _switch(settings: Settings, to: Switch) -> None:
    """Throw the switch, however often the database has to be asked."""

    def thrown(database: Database) -> bool:
        with database.transaction() as session:
            present = policies.load_current(session, [LIVE_BOOK])[LIVE_BOOK]
            wanted = PolicyChange(
                label=present.label.partition(".")[0],
                mode=present.mode,
                split_ppm=present.split_ppm,
                set_by="rehearsal",
                reason="a rehearsal",
                switch=to,
            )
            policies.append_version(session, LIVE_BOOK, wanted)
        return True

    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        ground.until(lambda: _tried(lambda: thrown(database)), _DRAIN_S)
    finally:
        database.dispose()


def _tried(attempt: Callable[[], bool]) -> bool:
    with suppress(SQLAlchemyError, psycopg.Error):
        return attempt()
    return False


def _drained(settings: Settings) -> float | None:
    """Wait until nothing is left to do; return how long that took, None when it did not come about."""
    started = time.monotonic()

    def is_idle() -> bool:
        with psycopg.connect(settings.database_url or "", connect_timeout=2) as connection:
            return connection.execute(_LEFT).fetchall() == [(0,)]

    return time.monotonic() - started if ground.until(lambda: _tried(is_idle), _DRAIN_S) else None


def _outcome(
    given: Ground,
    venue: VenueProcess,
    sender: Sender,
    injector: Injector,
    watch: Watch,
    *,
    seed: int,
    drained_s: float | None,
    recoveries: tuple[tuple[Kind, float | None], ...],
) -> Outcome:
    violations, (stored, processed, dead, orders) = _compared(given.settings, venue, sender)
    return Outcome(
        seed=seed,
        accepted=len(sender.acknowledged),
        unanswered=sender.unanswered,
        stored=stored,
        processed=processed,
        dead=dead,
        orders=orders,
        deaths=injector.deaths.total(),
        restarts=watch.restarts.total(),
        drained_s=drained_s,
        recoveries=recoveries,
        violations=(*violations, *_broken_rules(given.settings)),
    )


def _compared(settings: Settings, venue: VenueProcess, sender: Sender) -> tuple[list[Violation], tuple[int, ...]]:
    """Compare what both sides hold while nothing moves and nothing is left to do.

    A fill may be followed by the exit it owes, after everything was done for a moment; what stays is reported.
    """
    ends = time.monotonic() + _DRAIN_S
    with psycopg.connect(settings.database_url or "", autocommit=True) as connection:
        while True:
            before = connection.execute(_NEWEST).fetchall()
            evidence = Evidence(connection=connection, acknowledged=sender.acknowledged, ledger=venue.ledger)
            violations = checker.check(evidence)
            is_still = [*before, (0,)] == [*connection.execute(_NEWEST), *connection.execute(_LEFT)]
            if is_still or time.monotonic() > ends:
                return violations, connection.execute(_COUNTS).fetchall()[0]
            _drained(settings)


def _broken_rules(settings: Settings) -> list[Violation]:
    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        with database.snapshot() as session:
            broken = [one for one in verification.check(session) if not one.holds]
    finally:
        database.dispose()
    return [Violation(name=f"verify:{one.rule}", count=one.count, examples=one.examples) for one in broken]
