"""The broker of the live book: whichever account it trades on now, opened with the keys that are kept encrypted.

The account is read anew at each use, so that going live needs no restart: an order is begun while the account cannot
change, and no account follows another while anything is open, so that what is read is what was meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import structlog
from cryptography.fernet import InvalidToken

from config.settings import Settings
from config.values import Secret, SettingInvalid
from config.vault import AccountVault
from db import incidents, live
from db.accounts import StoredAccount
from db.core.session import Database
from domain.ports import Broker, OrderReport, SendWindow, VenuePosition, VenueTraits, VenueUnavailable
from domain.signal import Instrument
from domain.trade import Order, OrderState
from venues import catalogue, loader

# Before an account was opened nothing is known of its venue; by then there is no order to look up either.
_UNKNOWN_TRAITS = VenueTraits(finds_orders=True, settle_s=60.0, can_short=False)
log = structlog.get_logger()


class AccountUnusable(VenueUnavailable):
    """The account cannot be opened here: its venue is not BROKER's, or its keys cannot be read."""


def open_account(settings: Settings, account: StoredAccount) -> Broker:
    """Return the broker of an account; nothing is asked yet.

    Raises:
        AccountUnusable: when it is not at the venue that BROKER names, or its keys cannot be had.
    """
    if account.venue != settings.broker:
        raise AccountUnusable(f"the account {account.name} is at {account.venue}, and BROKER is {settings.broker}")
    key, secret = _keys(settings, account)
    try:
        made = loader.make_broker(account.venue, key=key, secret=secret, url=settings.venue_url)
    except SettingInvalid as error:
        raise AccountUnusable(str(error)) from None
    assert made is not None  # noqa: S101 - paper has no accounts
    return made


def _keys(settings: Settings, account: StoredAccount) -> tuple[Secret | None, Secret | None]:
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
    """The broker port on the account of the live book; without one nothing is sent and nothing is held."""

    account = ""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.name = catalogue.order_venue_name(settings.broker)
        self._settings, self._database = settings, database
        self._opened: tuple[str, Broker] | None = None

    @property
    def traits(self) -> VenueTraits:
        """What the venue can do, as far as it is known."""
        try:
            broker = self._broker()
        except AccountUnusable:
            return _UNKNOWN_TRAITS
        return _UNKNOWN_TRAITS if broker is None else broker.traits

    def lot(self, instrument: Instrument) -> Decimal | None:
        """Return the step of quantity that the venue asks for; None without an account."""
        broker = self._broker()
        return None if broker is None else broker.lot(instrument)

    def refusal(self, order: Order) -> str | None:
        """Say why the venue can never take the order; without an account nothing is impossible."""
        try:
            broker = self._broker()
        except AccountUnusable:
            return None
        return None if broker is None else broker.refusal(order)

    def submit(self, orders: Sequence[Order], *, window: SendWindow) -> list[OrderReport]:
        """Send each order once; none leaves this process while the account cannot be opened."""
        try:
            return self._required().submit(orders, window=window)
        except AccountUnusable as error:
            return [OrderReport(order=one, state=OrderState.RESUBMIT_OK, detail=f"not sent: {error}") for one in orders]

    def find(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Look each order up."""
        return self._required().find(orders)

    def cancel(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Ask to cancel what is left of each order, then look it up."""
        return self._required().cancel(orders)

    def positions(self) -> list[VenuePosition]:
        """Return what the account holds; nothing without one."""
        broker = self._broker()
        return [] if broker is None else broker.positions()

    def _required(self) -> Broker:
        broker = self._broker()
        if broker is None:
            raise AccountUnusable("the live book has no account; see `orchestrator policy live`")
        return broker

    def _broker(self) -> Broker | None:
        with self._database.transaction() as session:
            account = live.load_account(session)
        if account is None:
            return None
        if self._opened is None or self._opened[0] != account.name:
            self._opened = (account.name, self._made(account))
            log.info("account.opened", account=account.name, venue=account.venue)
        return self._opened[1]

    def _made(self, account: StoredAccount) -> Broker:
        try:
            return open_account(self._settings, account)
        except AccountUnusable as error:
            self._tell(account.name, str(error))
            raise

    def _tell(self, account: str, why: str) -> None:
        with self._database.transaction() as session:
            is_new = incidents.open_(session, kind="account_unusable", subject=account, detail={"why": why})
        if is_new:
            log.error("incident.opened", kind="account_unusable", account=account, why=why)
