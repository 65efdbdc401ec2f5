"""Issuing of the tokens of sources, which are stored hashed (SHA-256) for look-up and encrypted for display."""

from __future__ import annotations

from datetime import datetime

from config import tokens
from config.settings import Settings
from config.vault import TokenVault
from db import sources
from db.core.session import Database, Session
from domain.books import PAPER_BOOK
from domain.signal import Source


def issue(session: Session, vault: TokenVault, source: Source) -> str:
    """Store a new source with a fresh token, and return the token.

    Raises:
        db.sources.SourceExists, db.sources.BookUnknown
    """
    token = tokens.new_token()
    sources.add(session, source, token_hash=tokens.hash_token(token), token_encrypted=vault.seal(token))
    return token


def reissue(session: Session, vault: TokenVault, name: str, *, previous_for_s: float) -> datetime:
    """Give a source a fresh token; return the time until which the token before is accepted.

    Raises:
        db.sources.SourceUnknown
    """
    token = tokens.new_token()
    return sources.rotate_token(
        session,
        name,
        token_hash=tokens.hash_token(token),
        token_encrypted=vault.seal(token),
        previous_for_s=previous_for_s,
    )


def issue_default(session: Session, vault: TokenVault, source: Source) -> str | None:
    """Store the source with a fresh token if no source exists outside replays; return the token if it was stored."""
    token = tokens.new_token()
    sealed = vault.seal(token)
    stored = sources.ensure_default(session, source, token_hash=tokens.hash_token(token), token_encrypted=sealed)
    return token if stored else None


def ensure_first_source(settings: Settings) -> None:
    """Add the source `default` to the paper book when there is no source yet."""
    source = Source(
        name="default",
        book=PAPER_BOOK,
        strategy="",
        timeframe=None,
        exchange="",
        instrument_kind=None,
        sell_alone=None,
        confidence_scale=100,
        max_lag_s=300,
    )
    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        with database.transaction() as session:
            issue_default(session, TokenVault(settings.secret_key or ""), source)
    finally:
        database.dispose()
