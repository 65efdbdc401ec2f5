"""Access tokens: how a fresh one is made, and the hash by which a stored one is looked up."""

from __future__ import annotations

import hashlib
import secrets

_TOKEN_BYTES = 32


def new_token() -> str:
    """Return a fresh token of 256 random bits, safe in URLs."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def hash_token(token: str) -> str:
    """Return the SHA-256 by which a token is looked up, in hex."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
