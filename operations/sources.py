"""Sources as people handle them: made, given another token, let in or not; each act stands in the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cryptography.fernet import InvalidToken

from alerts import template
from config.settings import Settings
from config.vault import TokenVault
from db import books, sources
from db.core.session import Database, Session
from db.sources import StoredSource
from domain.books import STANDING_BOOKS
from domain.signal import Source
from operations import source_tokens
from operations.audit_entry import AuditContext

KEEP_S, MOST_KEEP_S = 86_400, 30 * 86_400


class NoSecretKey(RuntimeError):
    """There is no SECRET_KEY to encrypt tokens under."""


def vault(settings: Settings) -> TokenVault:
    """Return what tokens are encrypted with.

    Raises:
        NoSecretKey
    """
    if settings.secret_key is None:
        raise NoSecretKey("SECRET_KEY is not set; tokens are encrypted under it")
    return TokenVault(settings.secret_key)


def add(session: Session, source: Source, *, vault: TokenVault, audit: AuditContext) -> str:
    """Store a new source and return its token.

    Raises:
        db.sources.SourceExists, db.sources.BookUnknown
    """
    books.ensure_standing(session)
    token = source_tokens.issue(session, vault, source)
    audit.write_entry(session, "source.added", source.name, book=source.book)
    return token


def change(session: Session, before: Source, after: Source, *, audit: AuditContext) -> dict[str, Any]:
    """Store how a source is described now; return what changed, of each field what it was and what it is.

    Raises:
        db.sources.SourceUnknown
    """
    sources.update(session, after)
    changed = differences(before, after)
    audit.write_entry(session, "source.changed", after.name, **changed)
    return changed


def describe(source: Source) -> dict[str, Any]:
    """Return the settings of a source as a plain document."""
    return {
        "name": source.name,
        "book": source.book,
        "strategy": source.strategy,
        "timeframe": str(source.timeframe) if source.timeframe is not None else None,
        "exchange": source.exchange,
        "instrument_kind": source.instrument_kind.value if source.instrument_kind is not None else None,
        "sell_alone": source.sell_alone.value if source.sell_alone is not None else None,
        "confidence_scale": source.confidence_scale,
        "max_lag_s": source.max_lag_s,
        "dialect": source.dialect,
        "symbols": dict(source.symbols),
        "heartbeat_s": source.heartbeat_s,
        "sizing": f"{source.sizing:f}",
    }


def differences(before: Source, after: Source) -> dict[str, Any]:
    """Return of each field that differs what it was and what it is."""
    was, now = describe(before), describe(after)
    return {field: [was[field], now[field]] for field in now if was[field] != now[field]}


def rotate(session: Session, name: str, *, keep_s: int, vault: TokenVault, audit: AuditContext) -> tuple[str, datetime]:
    """Give a source another token; return it, and until when the present one holds beside it.

    Raises:
        db.sources.SourceUnknown
    """
    token, until = source_tokens.reissue(session, vault, name, previous_for_s=keep_s)
    audit.write_entry(session, "source.rotated", name, keep_s=keep_s, previous_until=until.isoformat())
    return token, until


def enable(session: Session, name: str, *, enabled: bool, audit: AuditContext) -> None:
    """Take what a source posts, or refuse it.

    Raises:
        db.sources.SourceUnknown
    """
    sources.set_enabled(session, name, enabled=enabled)
    audit.write_entry(session, "source.enabled" if enabled else "source.disabled", name)


def renewed(session: Session, name: str, *, audit: AuditContext) -> None:
    """Note that the alerts of a source were made anew at TradingView.

    Raises:
        db.sources.SourceUnknown
    """
    sources.record_alerts_renewed(session, name)
    audit.write_entry(session, "source.renewed", name)


def token_of(stored: StoredSource, vault: TokenVault) -> str | None:
    """Return the token of a source; None when it was encrypted under another SECRET_KEY."""
    try:
        return vault.open(stored.token_encrypted)
    except InvalidToken:
        return None


def described(source: Source, *, token: str | None, base: str | None, enabled: bool) -> dict[str, Any]:
    """Describe a source; without its token, or without a base, the URL is None too."""
    return describe(source) | {"token": token, "url": url(token, base=base), "enabled": enabled}


def base(settings: Settings, *, asked_at: str | None) -> str | None:
    """Return where the webhook is reached: PUBLIC_URL, else where somebody just asked; None when that is not told."""
    told = settings.public_url or asked_at
    return told.rstrip("/") if told is not None else None


def url(token: str | None, *, base: str | None) -> str | None:
    """Return where the alerts of a source with this token are posted to, None without a token or a base."""
    return f"{base}/webhook/{token}" if token is not None and base is not None else None


def webhook_urls(settings: Settings, *, base: str) -> list[tuple[str, str]]:
    """Return the name and webhook URL of each source of a standing book whose token can be decrypted.

    Raises:
        NoSecretKey
    """
    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        with database.transaction() as session:
            stored = [source for source in sources.list_all(session) if source.source.book in STANDING_BOOKS]
    finally:
        database.dispose()
    named = ((source.source.name, url(token_of(source, vault(settings)), base=base)) for source in stored)
    return [(name, webhook) for name, webhook in named if webhook is not None]


def messages() -> dict[str, str]:
    """Return what to paste into TradingView's alerts."""
    return {
        "strategy": template.strategy_message(),
        "buy": template.indicator_message("buy"),
        "exit": template.indicator_message("exit long"),
    }
