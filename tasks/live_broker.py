"""The broker of the live book: the account it trades on at present, opened with its keys, which are stored encrypted.

The account is read at each use, so that going live needs no restart. It cannot change under an order: a submission
begins under the policy's lock, and the account is not replaced while trades are open.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from cryptography.fernet import InvalidToken

from config.settings import Settings
from config.values import Secret, SettingInvalid
from config.vault import AccountVault
from db import incidents, live
from db.accounts import StoredAccount
from db.core.session import Database
from domain.instruments import InstrumentTerms
from domain.ports import Broker, OrderReport, SendWindow, VenuePosition, VenueTraits, VenueUnavailable
from domain.signal import Instrument
from domain.trade import Order, OrderState
from venues import catalogue, loader

# Before an account was opened nothing is known of its venue; by then there is no order to look up either.
_UNKNOWN_TRAITS = VenueTraits(finds_orders=True, settle_s=60.0, can_short=False)
log = structlog.get_logger()


class AccountUnusable(VenueUnavailable):
    """The account cannot be opened: it is not at the venue that BROKER names, or its keys cannot be decrypted."""


def open_account(settings: Settings, account: StoredAccount) -> Broker:
    """Return the broker of an account; nothing is sent yet.

    Raises:
        AccountUnusable: when it is not at the venue that BROKER names, or its keys cannot be decrypted.
    """
    if account.venue != settings.broker:
        raise AccountUnusable(f"the account {account.name} is at {account.venue}, and BROKER is {settings.broker}")
    key, secret = _load_keys(settings, account)
    try:
        broker = loader.make_broker(account.venue, key=key, secret=secret, url=settings.venue_url)
    except SettingInvalid as error:
        raise AccountUnusable(str(error)) from None
    assert broker is not None  # noqa: S101 - paper has no accounts
    return broker


def _load_keys(settings: Settings, account: StoredAccount) -> tuple[Secret | None, Secret | None]:
    """Return an account's decrypted key and secret, or those of the environment when it has none of its own."""
    if account.keys is None:
        return settings.broker_key, settings.broker_secret
    vault = AccountVault(settings.secret_key or "")
    try:
        return Secret(hidden=vault.open(account.keys.key)), Secret(hidden=vault.open(account.keys.secret))
    except InvalidToken:
        raise AccountUnusable(
            f"the keys of the account {account.name} were encrypted under another SECRET_KEY than this process has"
        ) from None


class AccountBroker:
    """The broker port on the live book's account; without an account nothing is sent and nothing is held."""

    account = ""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.name = catalogue.order_venue_name(settings.broker)
        self._settings, self._database = settings, database
        self._opened: tuple[str, Broker] | None = None

    @property
    def traits(self) -> VenueTraits:
        """The venue's traits; cautious ones while the account cannot be opened."""
        try:
            broker = self._current_broker()
        except AccountUnusable:
            return _UNKNOWN_TRAITS
        return _UNKNOWN_TRAITS if broker is None else broker.traits

    def terms(self, instrument: Instrument) -> InstrumentTerms | None:
        """Return what the venue states of an instrument; None without an account."""
        broker = self._current_broker()
        return None if broker is None else broker.terms(instrument)

    def refusal(self, order: Order) -> str | None:
        """Return why the venue can never accept the order; None when it may, or without an account."""
        try:
            broker = self._current_broker()
        except AccountUnusable:
            return None
        return None if broker is None else broker.refusal(order)

    def submit(self, orders: Sequence[Order], *, window: SendWindow) -> list[OrderReport]:
        """Send each order once; none is sent while the account cannot be opened."""
        try:
            return self._require_broker().submit(orders, window=window)
        except AccountUnusable as error:
            return [
                OrderReport(order=order, state=OrderState.RESUBMIT_OK, detail=f"not sent: {error}") for order in orders
            ]

    def find(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Look up each order at the venue."""
        return self._require_broker().find(orders)

    def cancel(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Cancel the unfilled rest of each order, then look it up."""
        return self._require_broker().cancel(orders)

    def positions(self) -> list[VenuePosition]:
        """Return the account's positions; none without an account."""
        broker = self._current_broker()
        return [] if broker is None else broker.positions()

    def _require_broker(self) -> Broker:
        """Return the live account's broker, or raise AccountUnusable when there is no live account."""
        broker = self._current_broker()
        if broker is None:
            raise AccountUnusable("the live book has no account; see `orchestrator policy live`")
        return broker

    def _current_broker(self) -> Broker | None:
        """Return the broker of the present live account, opened anew when that changed; None without an account."""
        with self._database.transaction() as session:
            account = live.load_account(session)
        if account is None:
            return None
        if self._opened is None or self._opened[0] != account.name:
            self._opened = (account.name, self._open_account(account))
            with self._database.transaction() as session:
                incidents.close_resolved(session, kind="account_unusable", still=())
            log.info("account.opened", account=account.name, venue=account.venue)
        return self._opened[1]

    def _open_account(self, account: StoredAccount) -> Broker:
        """Open an account; when that fails, open an incident about it as well."""
        try:
            return open_account(self._settings, account)
        except AccountUnusable as error:
            self._open_incident(account.name, str(error))
            raise

    def _open_incident(self, account: str, why: str) -> None:
        """Open an incident about the account that cannot be opened, and log it unless one is open already."""
        with self._database.transaction() as session:
            is_new = incidents.open_(session, kind="account_unusable", subject=account, detail={"why": why})
        if is_new:
            log.error("incident.opened", kind="account_unusable", account=account, why=why)
