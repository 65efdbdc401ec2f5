"""Tokens of sources, decrypted, and the webhook URLs that are built from them."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.fernet import InvalidToken

from config.settings import Settings
from config.vault import TokenVault
from db.sources import StoredSource


class NoSecretKey(RuntimeError):
    """SECRET_KEY, under which tokens are encrypted, is not set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLinks:
    """Builds webhook URLs; `base` is the URL of the web process, None when it is not known."""

    vault: TokenVault
    base: str | None

    def read_token(self, stored: StoredSource) -> str | None:
        """Return the token of a source; None when it was encrypted under another SECRET_KEY."""
        try:
            return self.vault.open(stored.token_encrypted)
        except InvalidToken:
            return None

    def build_url(self, stored: StoredSource) -> str | None:
        """Return the URL to which a source posts its alerts; None without its token or the base."""
        token = self.read_token(stored)
        return f"{self.base}/webhook/{token}" if token is not None and self.base is not None else None


def open_vault(settings: Settings) -> TokenVault:
    """Return the vault that encrypts the tokens of sources.

    Raises:
        NoSecretKey
    """
    if settings.secret_key is None:
        raise NoSecretKey("SECRET_KEY is not set; tokens are encrypted under it")
    return TokenVault(settings.secret_key)


def make_links(settings: Settings, *, fallback_base: str | None) -> SourceLinks:
    """Return links below PUBLIC_URL, or below `fallback_base` where that is not set.

    Raises:
        NoSecretKey
    """
    base = settings.public_url or fallback_base
    return SourceLinks(vault=open_vault(settings), base=base.rstrip("/") if base is not None else None)
