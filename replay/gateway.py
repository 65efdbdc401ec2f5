"""The running stack as a replay uses it: its database for the book, its webhook for alerts, its workers for exits."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from config import tokens
from config.settings import Settings
from config.vault import TokenVault
from db import bars, books, due_signals, instruments, policies, replays, sources, studies, trades
from db.core.session import Database
from db.policies import PolicyChange
from db.sources import SourceUnknown
from db.studies import ComparedVersions
from domain.books import PAPER_BOOK
from domain.decision import EngineSlot
from domain.instruments import find_terms
from domain.intervals import Interval
from domain.ports import Feed
from domain.signal import Instrument, InstrumentKind, Source, Stage
from domain.study import derive_horizon_sessions
from engines import holding_times
from replay import bar_files, money, source_settings
from replay.bar_files import BarFile
from replay.driver import BookSpec, ReplayBookExists, ReplayRefused, SignalStuck, WebhookResponse
from replay.identity import ReplayTerms
from replay.schedule import Schedule
from tasks import pipeline

TERMS_OF = PAPER_BOOK
_EXITS_DEADLINE_S = 300.0
_HTTP_TIMEOUT_S = 10.0
_LONGEST_PAUSE_S = 0.02


class StackGateway:
    """A `ReplayGateway` over one running stack."""

    def __init__(self, settings: Settings, database: Database, *, web_url: str, terms: ReplayTerms) -> None:
        self._settings = settings
        self._database = database
        self._web = urlsplit(web_url)
        self._http = http.client.HTTPConnection(self._web.netloc, timeout=_HTTP_TIMEOUT_S)
        self._book = ""
        self._path = ""
        self.terms = terms

    def create(self, spec: BookSpec) -> str:
        """Create the book, its source, policy and study, load the bars, and return the webhook's URL.

        The remains of an interrupted replay of the same input are removed first.

        Raises:
            ReplayBookExists: when the book exists and is complete; ReplayRefused: when it is being replayed.
        """
        token = tokens.new_token()
        with self._database.transaction() as session:
            if not replays.try_lock(session, spec.identity.book):
                raise ReplayRefused(f"{spec.identity.book} is being replayed right now")
            if replays.is_complete(session, spec.identity.book):
                raise ReplayBookExists(spec.identity.book)
            replays.remove(session, spec.identity.book)
            books.create_replay(
                session,
                spec.identity.book,
                cursor=spec.starts_at,
                base_currency=self.terms.money.base_currency,
                max_leverage=self.terms.money.max_leverage,
            )
            self._open_study(session, spec)
            self._add_source(session, spec, token)
            for file in spec.files:
                feed = Feed(
                    book=spec.identity.book,
                    instrument=file.spec.instrument,
                    interval=file.interval,
                    side=file.spec.side,
                )
                bars.add(session, feed, bar_files.read_bars(file))
        self._book, self._path = spec.identity.book, f"/webhook/{token}"
        return self._web.geturl().rstrip("/") + self._path

    def choose_money(
        self, scheduled: Schedule, *, base_currency: str | None, max_leverage: Decimal = Decimal(1)
    ) -> list[str]:
        """Set the replay's base currency and its instruments' terms; return warnings about what cannot be traded.

        It is the wanted currency, else the one that the instruments of the bars share.
        """
        traded = list(dict.fromkeys(_read_instrument(file, scheduled.settings) for file in scheduled.files))
        with self._database.transaction() as session:
            listed = instruments.load(session, traded)
        terms = {instrument: find_terms(instrument, listed) for instrument in traded}
        chosen = money.build_money(terms, base_currency=base_currency, max_leverage=max_leverage)
        self.terms = replace(self.terms, money=chosen)
        return money.format_warnings(terms, self.terms.money, symbols=[instrument.symbol for instrument in traded])

    def finish_exits(self, until: datetime) -> None:
        """Evaluate the exits of all open trades of the book up to `until`, and wait until that is done."""
        with self._database.transaction() as session:
            idle = not trades.has_open_trades(session, self._book)
        if not idle:
            self._await_exits(until, at_end=False)

    def move_cursor(self, to: datetime) -> None:
        """Set the book's clock."""
        with self._database.transaction() as session:
            books.move_cursor(session, self._book, to=to)

    def post(self, body: bytes) -> WebhookResponse:
        """Send one alert to the webhook over HTTP; raises OSError or HTTPException when there is no answer."""
        try:
            self._http.request("POST", self._path, body, {"Content-Type": "text/plain; charset=utf-8"})
            response = self._http.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self._http.close()
            raise
        return WebhookResponse(status=response.status, document=_decode_document(content))

    def wait_done(self, signal_ids: Sequence[str], deadline_s: float) -> None:
        """Wait until every signal is done or dead.

        Raises:
            SignalStuck: naming the first that is not, after `deadline_s` seconds.
        """
        ids = [UUID(signal_id) for signal_id in signal_ids]
        if ids and not _wait_until(lambda: not self._load_unfinished(ids), deadline_s=deadline_s):
            row = self._load_unfinished(ids)[0]
            raise SignalStuck(
                str(row["signal_id"]),
                stage=Stage(row["stage"]).name.lower(),
                last_error=row["last_error"],
                deadline_s=deadline_s,
            )

    def finish(self, last: datetime) -> None:
        """Evaluate all exits to the end of the data, and close open trades on the last quote (`end_of_data`)."""
        self.move_cursor(last)
        self._await_exits(last, at_end=True)
        with self._database.transaction() as session:
            replays.mark_complete(session, self._book)

    def close(self) -> None:
        """Close the connection to the webhook."""
        self._http.close()

    def _open_study(self, session: Any, spec: BookSpec) -> None:
        """Open the study of the replay's book, and set the same policy as the paper book's."""
        terms, running = self.terms, studies.load_versions(session, TERMS_OF)
        versions = ComparedVersions(
            engine_a=terms.engines[EngineSlot.A],
            engine_b=terms.engines[EngineSlot.B],
            fill_model=terms.fill_model,
            bars_needed_a=running.bars_needed_a,
            bars_needed_b=running.bars_needed_b,
            horizon_sessions=_derive_horizon(terms, spec.intervals) or running.horizon_sessions,
        )
        name = spec.study or spec.identity.book
        studies.open_new(
            session,
            spec.identity.book,
            name=name,
            salt=spec.identity.salt,
            versions=versions,
            study_id=spec.identity.study_id,
        )
        wanted = PolicyChange(
            label="replay", mode=terms.mode, split_ppm=terms.split_ppm, set_by="replay", reason="as the paper book's"
        )
        policies.append_version(session, spec.identity.book, wanted)

    def _add_source(self, session: Any, spec: BookSpec, token: str) -> None:
        """Store the source that the replay's alerts are posted as, with its token."""
        source = source_settings.build_source(spec.settings, book=spec.identity.book)
        sealed = TokenVault(self._settings.secret_key or "").seal(token)
        sources.add(session, source, token_hash=tokens.hash_token(token), token_encrypted=sealed)

    def _await_exits(self, until: datetime, *, at_end: bool) -> None:
        """Enqueue the evaluation of exits up to `until`, and wait for it; raise ReplayRefused after a deadline."""
        pipeline.finish_exits(self._book, until=until, at_end=at_end)
        if not _wait_until(lambda: self._are_exits_done(until, at_end=at_end), deadline_s=_EXITS_DEADLINE_S):
            raise ReplayRefused(f"the exits of {self._book} up to {until.isoformat()} were not finished in time")

    def _are_exits_done(self, until: datetime, *, at_end: bool) -> bool:
        """Return whether the exits are evaluated up to `until`, and at the end no trade is open."""
        with self._database.transaction() as session:
            done = books.load_exits_evaluated_to(session, self._book)
            return done is not None and done >= until and not (at_end and trades.has_open_trades(session, self._book))

    def _load_unfinished(self, ids: Sequence[UUID]) -> Sequence[Any]:
        """Return the signals that are neither done nor dead."""
        with self._database.transaction() as session:
            return due_signals.load_unfinished(session, ids)


def _read_instrument(file: BarFile, settings: Source) -> Instrument:
    """Return the instrument of a bar file as alerts name it, with the exchange and kind of the replay's settings."""
    instrument, kind = file.spec.instrument, settings.instrument_kind
    is_unknown = kind is not None and instrument.kind is InstrumentKind.UNKNOWN
    return replace(
        instrument,
        exchange=instrument.exchange or settings.exchange,
        kind=kind if kind is not None and is_unknown else instrument.kind,
    )


@contextmanager
def open_gateway(settings: Settings, *, web_url: str) -> Iterator[StackGateway]:
    """Open a gateway to the stack at `web_url`, on the terms its workers run under.

    The terms are those of the paper book: its running study names the engines, its policy the mode.
    """
    database = Database(settings.sqlalchemy_url, pool_size=2)
    pipeline.connect(settings)
    gateway = StackGateway(settings, database, web_url=web_url, terms=_load_terms(database))
    try:
        yield gateway
    finally:
        gateway.close()
        database.dispose()


def load_source(settings: Settings, name: str) -> Source:
    """Load the settings of the source of that name from the running stack.

    Raises:
        ReplayRefused: when there is none.
    """
    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        with database.transaction() as session:
            return sources.by_name(session, name).source
    except SourceUnknown:
        raise ReplayRefused(f"there is no source named {name!r}; see: orchestrator sources list") from None
    finally:
        database.dispose()


def _derive_horizon(terms: ReplayTerms, intervals: Collection[Interval]) -> int | None:
    """Return the horizon of a replay on some intervals; None with engines whose plans are not known by interval."""
    if not {version.partition("@")[0] for version in terms.engines.values()} <= holding_times.BUILT_IN:
        return None
    return derive_horizon_sessions(holding_times.find_longest_built_in_hold(intervals))


def _load_terms(database: Database) -> ReplayTerms:
    """Load the engines, policy and fill model that the paper book runs under at present."""
    with database.transaction() as session:
        versions = studies.load_versions(session, TERMS_OF)
        policy = policies.load_current(session, [TERMS_OF])[TERMS_OF]
    return ReplayTerms(
        engines={EngineSlot.A: versions.engine_a, EngineSlot.B: versions.engine_b},
        mode=policy.mode,
        split_ppm=policy.split_ppm,
        fill_model=versions.fill_model,
    )


def _decode_document(content: bytes) -> dict[str, Any]:
    """Decode a JSON object; an empty one for anything else."""
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return document if isinstance(document, dict) else {}


def _wait_until(condition: Callable[[], bool], *, deadline_s: float) -> bool:
    """Wait until the condition holds, polling ever less often; return False when it did not in time."""
    pause, end = 0.002, time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(pause * 1.3, _LONGEST_PAUSE_S)
    return True
