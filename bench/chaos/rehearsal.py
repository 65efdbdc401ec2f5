"""One rehearsal: a stack under load whose live book trades at a faulty venue, while the faults of a seed happen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psycopg

from bench import fresh_stack, market_bars
from bench.chaos import checker, faults, flower_retries
from bench.chaos.checker import Evidence, Violation
from bench.chaos.faults import VENUE_FAULTS, InjectedFaultKind
from bench.chaos.injector import FaultInjector
from bench.chaos.operators import Operators
from bench.chaos.sender import PRICE, SYMBOLS, AlertSender
from bench.chaos.venue_process import BROKER, VenueProcess
from bench.chaos.watch import ChaosWatch
from bench.fresh_stack import BenchFailed, BenchStack
from config.settings import Settings
from config.vault import TokenVault
from db import accounts, live, verification
from db.core.errors import SQLAlchemyError
from db.core.session import Database
from domain.books import LIVE_BOOK
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
    "QUEUE_SILENT_S": "12",
    "CANARY_EVERY_S": "2",
    "FLOWER_BASIC_AUTH": flower_retries.LOGIN,
}
DEATHS_ALLOWED = 100_000
_STORM_S = 3.0
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
    pyramiding=100_000,
)
_COUNT_UNFINISHED = """
    SELECT (SELECT count(*) FROM signals WHERE status = 'open') + (SELECT count(*) FROM orders
            WHERE state NOT IN ('filled', 'cancelled', 'expired', 'rejected', 'denied', 'manual_review'))
"""
_HAS_TRADED = "SELECT EXISTS (SELECT FROM orders WHERE venue NOT IN ('model', 'paper') AND state = 'filled')"
_PROGRESS = "SELECT (SELECT max(event_id) FROM order_events), (SELECT count(*) FROM fills)"
_COUNTS = """
    SELECT (SELECT count(*) FROM signals), (SELECT count(*) FROM signals WHERE status <> 'open'),
        (SELECT count(*) FROM signals WHERE status = 'dead'),
        (SELECT count(*) FROM orders WHERE venue NOT IN ('model', 'paper'))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalOutcome:
    """Outcome of one seed: alerts accepted with 2xx, processed signals, orders, deaths, recoveries and violations.

    `cut` requests broke off. Of the `processed` signals, `dead` are dead letters: kept, with their error, to be
    rerun by an operator.
    `recoveries` gives for each fault the seconds until a signal stored after it was processed (None: no signal was
    stored after it), `drained_s` the seconds after the last fault until no work was left (None: never).
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
    cut: int
    drained_s: float | None
    recoveries: tuple[tuple[InjectedFaultKind, float | None], ...]
    violations: tuple[Violation, ...]


def run_rehearsal(
    bench_stack: BenchStack, venue: VenueProcess, clock: Path, *, seed: int, seconds: float, rate: float
) -> RehearsalOutcome:
    """Run the rehearsal of one seed on a running stack, close what is open at its end, and compare the results."""
    _go_live(bench_stack.settings)
    market_bars.store_rising_bars(bench_stack.settings, book=LIVE_BOOK, at=datetime.now(UTC), symbols=SYMBOLS)
    venue.control(prices={symbol: {"bid": PRICE, "ask": PRICE} for symbol in SYMBOLS})
    sender = AlertSender(_create_webhook_url(bench_stack.stack), seed=seed, rate=rate)
    _require_working_stack(sender, bench_stack.settings)
    venue.control(faults=[{"times": None, **fault} for fault in VENUE_FAULTS])
    operators = Operators(bench_stack.settings)
    injector = FaultInjector(bench_stack.stack, venue, operators, clock)
    with ChaosWatch(bench_stack.stack) as watch:
        posting = threading.Thread(target=sender.run, kwargs={"seconds": seconds}, name="sender")
        posting.start()
        _inject_faults(injector, venue, operators, seed=seed, seconds=seconds)
        posting.join()
        operators.wait()
        venue.control(clear=True, release=True)
        drained_s = _wait_until_drained(bench_stack.settings)
        is_flat = operators.flatten()
        operators.close()
        recoveries = tuple((kind, watch.recovery_s(at)) for kind, at in injector.done)
    return _build_outcome(
        bench_stack,
        venue,
        sender,
        injector,
        watch,
        seed=seed,
        drained_s=drained_s,
        recoveries=recoveries,
        broken_promises=_find_broken_promises(sender, injector, is_flat=is_flat),
    )


def _go_live(settings: Settings) -> None:
    """Let the live book trade at the venue, with the keys from the environment of the stack's processes."""
    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        with database.transaction() as session:
            accounts.add(session, _SOURCE.name, venue=BROKER, keys=None)
            live.switch_on(session, _SOURCE.name, actor=_SOURCE.name, reason="a rehearsal")
    finally:
        database.dispose()


def _require_working_stack(sender: AlertSender, settings: Settings) -> None:
    """Send one entry and wait until it is traded, so that every process is up before anything fails.

    Raises:
        BenchFailed: when it is not traded in time.
    """
    sender.send_entry()
    if (
        not fresh_stack.wait_until(lambda: _try_once(lambda: _has_traded(settings)), _DRAIN_S)
        or _wait_until_drained(settings) is None
    ):
        raise BenchFailed(f"an entry on an undisturbed stack was not traded within {_DRAIN_S:.0f} s")


def _has_traded(settings: Settings) -> bool:
    """Return whether any order has been filled at the venue."""
    with psycopg.connect(settings.database_url or "", connect_timeout=2) as connection:
        return connection.execute(_HAS_TRADED).fetchall() == [(True,)]


def _create_webhook_url(stack: RunningStack) -> str:
    """Create the rehearsal's source and return its webhook URL."""
    database = Database(stack.settings.sqlalchemy_url, pool_size=1)
    try:
        with database.transaction() as session:
            token = source_tokens.issue(session, TokenVault(stack.settings.secret_key or ""), _SOURCE)
    finally:
        database.dispose()
    return f"{stack.web_url}/webhook/{token}"


def _inject_faults(
    injector: FaultInjector, venue: VenueProcess, operators: Operators, *, seed: int, seconds: float
) -> None:
    """Inject the faults of a seed while prices move, and a storm of the trading switch in the middle."""
    started, was_stormy = time.monotonic(), False
    for fault in faults.draw_faults(seed, seconds=seconds):
        time.sleep(max(0.0, started + fault.at_s - time.monotonic()))
        if not was_stormy and fault.at_s >= seconds / 2:
            was_stormy = True
            operators.start_storm(seconds=_STORM_S, pick=fault.pick)
        _move_prices(venue, fault.pick)
        injector.inject(fault)
    time.sleep(max(0.0, started + seconds - time.monotonic()))


def _move_prices(venue: VenueProcess, pick: float) -> None:
    """Set the prices at the venue to at most 1 % below or above those of the alerts."""
    price = str(round(Decimal(PRICE) * Decimal(0.99 + 0.02 * pick), 2))
    venue.control(prices={symbol: {"bid": price, "ask": price} for symbol in SYMBOLS})


def _find_broken_promises(sender: AlertSender, injector: FaultInjector, *, is_flat: bool) -> list[Violation]:
    """Return the violations that neither the database nor the venue's ledger shows."""
    late = [f"beat hung for {injector.silent_after_s} s" for took_s in injector.replacements if took_s is None]
    cases = {
        "beginning_of_a_message_accepted": sender.cut_accepted,
        "hung_beat_not_replaced": late,
        "not_flat_after_flatten": [] if is_flat else [LIVE_BOOK],
    }
    return [checker.build_violation(name, examples) for name, examples in cases.items() if examples]


def _try_once(attempt: Callable[[], bool]) -> bool:
    """Return the result of an attempt; False when the database fails."""
    with suppress(SQLAlchemyError, psycopg.Error):
        return attempt()
    return False


def _wait_until_drained(settings: Settings) -> float | None:
    """Wait until no signal or order is unfinished; return the seconds it took, None when it took too long."""
    started = time.monotonic()

    def is_idle() -> bool:
        """Return whether no signal or order is unfinished."""
        with psycopg.connect(settings.database_url or "", connect_timeout=2) as connection:
            return connection.execute(_COUNT_UNFINISHED).fetchall() == [(0,)]

    return time.monotonic() - started if fresh_stack.wait_until(lambda: _try_once(is_idle), _DRAIN_S) else None


def _build_outcome(
    bench_stack: BenchStack,
    venue: VenueProcess,
    sender: AlertSender,
    injector: FaultInjector,
    watch: ChaosWatch,
    *,
    seed: int,
    drained_s: float | None,
    recoveries: tuple[tuple[InjectedFaultKind, float | None], ...],
    broken_promises: list[Violation],
) -> RehearsalOutcome:
    """Compare with the venue, check the rules of `verify`, and build the outcome."""
    violations, (stored, processed, dead, orders) = _compare_with_venue(bench_stack.settings, venue, sender)
    return RehearsalOutcome(
        seed=seed,
        accepted=len(sender.acknowledged),
        unanswered=sender.unanswered,
        stored=stored,
        processed=processed,
        dead=dead,
        orders=orders,
        deaths=injector.deaths.total(),
        restarts=watch.restarts.total(),
        cut=sender.cut,
        drained_s=drained_s,
        recoveries=recoveries,
        violations=(*violations, *broken_promises, *_find_broken_rules(bench_stack.settings)),
    )


def _compare_with_venue(
    settings: Settings, venue: VenueProcess, sender: AlertSender
) -> tuple[list[Violation], tuple[int, ...]]:
    """Compare the database with the venue's ledger while nothing changes and no work is left.

    A fill may be followed by an exit after a moment without work, so that the comparison is repeated until the data
    stays as it was or the time is up. Returns the violations and the counts of signals and orders.
    """
    deadline = time.monotonic() + _DRAIN_S
    with psycopg.connect(settings.database_url or "", autocommit=True) as connection:
        while True:
            progress_before = connection.execute(_PROGRESS).fetchall()
            evidence = Evidence(
                connection=connection, acknowledged=sender.acknowledged, ledger=venue.ledger, sent=sender.sent
            )
            violations = checker.find_violations(evidence)
            is_settled = [*progress_before, (0,)] == [
                *connection.execute(_PROGRESS),
                *connection.execute(_COUNT_UNFINISHED),
            ]
            if is_settled or time.monotonic() > deadline:
                return violations, connection.execute(_COUNTS).fetchall()[0]
            _wait_until_drained(settings)


def _find_broken_rules(settings: Settings) -> list[Violation]:
    """Return the rules of `verify` that the database violates."""
    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        with database.snapshot() as session:
            broken_findings = [finding for finding in verification.check(session) if not finding.holds]
    finally:
        database.dispose()
    return [
        Violation(name=f"verify:{finding.rule}", count=finding.count, examples=finding.examples)
        for finding in broken_findings
    ]
