"""Access tokens: making new ones, and hashing them, since only hashes are stored."""

from __future__ import annotations

import hashlib
import secrets

_TOKEN_BYTES = 32


def new_token() -> str:
    """Return a new token of 256 random bits, safe in URLs."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def hash_token(token: str) -> str:
    """Return the SHA-256 of a token in hex, by which it is stored and looked up."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
