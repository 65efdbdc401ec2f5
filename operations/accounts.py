"""Operations on accounts at venues: adding and disabling one; and accounts as documents."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import InvalidToken

from config import parsers
from config.settings import Settings
from config.values import Secret
from config.vault import AccountVault
from db import accounts, live
from db.accounts import SealedKeys, StoredAccount
from db.core.session import Session
from domain.books import LIVE_BOOK
from operations.audit_entry import AuditContext

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_SHOWN_CHARACTERS, _SHORTEST_SHOWN_KEY = 4, 12


class AccountNameRefused(ValueError):
    """No account can have this name; the message says which names are allowed."""


class SecretKeyNotGiven(RuntimeError):
    """The environment does not give SECRET_KEY, under which the keys of accounts are encrypted."""


def open_vault(settings: Settings) -> AccountVault:
    """Return the vault that encrypts the keys of accounts.

    Raises:
        SecretKeyNotGiven
    """
    if settings.sources.get("SECRET_KEY") != "environment" or settings.secret_key is None:
        raise SecretKeyNotGiven(
            "SECRET_KEY is not set in the environment. The keys of accounts are encrypted under it, and a generated"
            " SECRET_KEY lies beside them in the data directory: whoever copies the directory would have both. Set"
            " SECRET_KEY for every process, to at least 16 characters that are kept elsewhere"
        )
    return AccountVault(settings.secret_key)


def require_name(name: str) -> None:
    """Refuse a name that no account can have.

    Raises:
        AccountNameRefused
    """
    if not _NAME.fullmatch(name):
        raise AccountNameRefused("at most 40 letters, digits, dots, dashes and underscores, a letter or digit first")


def seal_keys(vault: AccountVault, keys: Sequence[str]) -> SealedKeys:
    """Encrypt an account's key and secret.

    Raises:
        config.values.SettingInvalid: when one of them is no key, such as an empty text.
    """
    parse = parsers.secret_of_at_least(1)
    key, secret = (parse(name, value).reveal() for name, value in zip(("key", "secret"), keys, strict=True))
    return SealedKeys(key=vault.seal(key), secret=vault.seal(secret))


def add(
    session: Session, name: str, *, venue: str, keys: SealedKeys | None, settings: Settings, audit: AuditContext
) -> dict[str, Any]:
    """Add an account and return its document; without `keys` it uses BROKER_KEY and BROKER_SECRET.

    Raises:
        AccountNameRefused, db.accounts.AccountExists
    """
    require_name(name)
    accounts.add(session, name, venue=venue, keys=keys)
    audit.write_entry(session, "accounts.added", name, venue=venue, keys="stored" if keys else "of the environment")
    return _load_document(session, name, settings)


def list_accounts(session: Session, settings: Settings) -> list[dict[str, Any]]:
    """Return the document of every account, ordered by name."""
    live_name = live.load_state(session).account
    return [document(account, settings, is_live=account.name == live_name) for account in accounts.list_all(session)]


def disable(session: Session, name: str, *, settings: Settings, audit: AuditContext) -> dict[str, Any]:
    """Use an account for nothing from now on, and return its document.

    Raises:
        db.accounts.AccountUnknown: when there is none; db.live.AccountInUse: while the live book trades on it;
        db.live.TradesOpen: while real trades are open on it.
    """
    live.disable_account(session, name)
    audit.write_entry(session, "accounts.disabled", name)
    return _load_document(session, name, settings)


def document(account: StoredAccount, settings: Settings, *, is_live: bool) -> dict[str, Any]:
    """Return an account as a document; of its key, only the last characters."""
    return {
        "name": account.name,
        "venue": account.venue,
        "added_at": account.created_at.isoformat(),
        "enabled": account.enabled,
        "key": _hint_key(account, settings),
        "book": LIVE_BOOK if is_live else None,
    }


def _load_document(session: Session, name: str, settings: Settings) -> dict[str, Any]:
    is_live = live.load_state(session).account == name
    return document(accounts.by_name(session, name), settings, is_live=is_live)


def _hint_key(account: StoredAccount, settings: Settings) -> str:
    """Return words that help to recognise the account's key without showing it."""
    if account.keys is None:
        return _mask(settings.broker_key) if settings.broker_key else "of the environment"
    try:
        return _mask(Secret(hidden=AccountVault(settings.secret_key or "").open(account.keys.key)))
    except InvalidToken:
        return "under another SECRET_KEY"


def _mask(key: Secret) -> str:
    """Return the last characters of a long key, and none of a short one."""
    value = key.reveal()
    return f"…{value[-_SHOWN_CHARACTERS:]}" if len(value) >= _SHORTEST_SHOWN_KEY else "…"
