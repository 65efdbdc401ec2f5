"""Operations on sources: add, change, rotate the token, enable, disable, renew; and sources as documents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from alerts import template
from config.settings import Settings
from db import books, sources
from db.core.session import Database, Session
from db.sources import StoredSource
from domain.books import STANDING_BOOKS
from domain.signal import Source
from operations import source_links, source_tokens
from operations.audit_entry import AuditContext
from operations.source_links import SourceLinks

DEFAULT_KEEP_S, MAX_KEEP_S = 86_400, 30 * 86_400


def add(session: Session, source: Source, *, links: SourceLinks, audit: AuditContext) -> dict[str, Any]:
    """Store a new source with a fresh token, and return its document.

    Raises:
        db.sources.SourceExists, db.sources.BookUnknown
    """
    books.ensure_standing(session)
    source_tokens.issue(session, links.vault, source)
    audit.write_entry(session, "source.added", source.name, book=source.book)
    return _load_document(session, source.name, links)


def change(
    session: Session, name: str, edit: Callable[[Source], Source], *, links: SourceLinks, audit: AuditContext
) -> dict[str, Any]:
    """Change the settings of a source; `edit` returns the source as it shall be.

    Returns:
        `source`: its document. `changed`: by field, the value before and the value now.

    Raises:
        db.sources.SourceUnknown
    """
    before = sources.lock_by_name(session, name).source
    after = edit(before)
    sources.update(session, after)
    changed = _compare(before, after)
    audit.write_entry(session, "source.changed", name, **changed)
    return {"source": _load_document(session, name, links), "changed": changed}


def rotate(session: Session, name: str, *, keep_s: int, links: SourceLinks, audit: AuditContext) -> dict[str, Any]:
    """Give a source a fresh token; the present one is accepted for `keep_s` seconds more.

    Returns:
        The source's document with `previous_until`, the datetime until which the token before is accepted.

    Raises:
        db.sources.SourceUnknown
    """
    until: datetime = source_tokens.reissue(session, links.vault, name, previous_for_s=keep_s)
    audit.write_entry(session, "source.rotated", name, keep_s=keep_s, previous_until=until.isoformat())
    return _load_document(session, name, links) | {"previous_until": until}


def enable(session: Session, name: str, *, audit: AuditContext, links: SourceLinks | None = None) -> dict[str, Any]:
    """Accept alerts of a source again, and return its document.

    Raises:
        db.sources.SourceUnknown
    """
    sources.set_enabled(session, name, enabled=True)
    audit.write_entry(session, "source.enabled", name)
    return _load_document(session, name, links)


def disable(session: Session, name: str, *, audit: AuditContext, links: SourceLinks | None = None) -> dict[str, Any]:
    """Refuse alerts of a source from now on, and return its document.

    Raises:
        db.sources.SourceUnknown
    """
    sources.set_enabled(session, name, enabled=False)
    audit.write_entry(session, "source.disabled", name)
    return _load_document(session, name, links)


def record_renewal(
    session: Session, name: str, *, audit: AuditContext, links: SourceLinks | None = None
) -> dict[str, Any]:
    """Record that the alerts of a source were made anew at TradingView, and return the source's document.

    Raises:
        db.sources.SourceUnknown
    """
    sources.record_alerts_renewed(session, name)
    audit.write_entry(session, "source.renewed", name)
    return _load_document(session, name, links)


def list_webhook_urls(settings: Settings, *, base: str) -> list[tuple[str, str]]:
    """Return the name and webhook URL of each source of a standing book whose token can be decrypted.

    Raises:
        operations.source_links.NoSecretKey
    """
    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        with database.transaction() as session:
            standing = [stored for stored in sources.list_all(session) if stored.source.book in STANDING_BOOKS]
    finally:
        database.dispose()
    links = SourceLinks(vault=source_links.open_vault(settings), base=base)
    urls = ((stored.source.name, links.build_url(stored)) for stored in standing)
    return [(name, url) for name, url in urls if url is not None]


def document(stored: StoredSource, links: SourceLinks | None) -> dict[str, Any]:
    """Return a source as a document; without links, its token and URL are None."""
    return describe_settings(stored.source) | {
        "token": links.read_token(stored) if links is not None else None,
        "url": links.build_url(stored) if links is not None else None,
        "enabled": stored.enabled,
    }


def describe_settings(source: Source) -> dict[str, Any]:
    """Return the settings of a source as a document."""
    return sources.build_row(source) | {"symbols": dict(source.symbols), "sizing": f"{source.sizing:f}"}


def alert_messages() -> dict[str, str]:
    """Return the messages to paste into TradingView's alerts."""
    return {
        "strategy": template.strategy_message(),
        "buy": template.indicator_message("buy"),
        "exit": template.indicator_message("exit long"),
        "bars": template.bar_message(),
    }


def _compare(before: Source, after: Source) -> dict[str, Any]:
    """Return, by field that differs, the value before and the value now."""
    old, new = describe_settings(before), describe_settings(after)
    return {field: [old[field], new[field]] for field in new if old[field] != new[field]}


def _load_document(session: Session, name: str, links: SourceLinks | None) -> dict[str, Any]:
    return document(sources.by_name(session, name), links)
