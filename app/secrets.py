"""Secrets: fresh tokens, the hashes they are looked up by, and keys whose values are never shown."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

HIDDEN = "***"
_TOKEN_BYTES = 32
_LONGEST_NAME = 64
_SEPARATORS = re.compile(r"[\s._\-]+")
_SECRET_KEY = re.compile(
    r"(secret|passphrase|password|passwd|pwd|token|key|pin|auth|authorization|credentials?|licen[cs]e(id)?|bearer"
    r"|signature)$"
)
_NO_SECRET_KEY = re.compile(r"(?<!^)(?<!account)pin$|(?<!^)auth$")


def new_token() -> str:
    """Return a fresh token of 256 random bits, safe in URLs."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def hash_token(token: str) -> str:
    """Return the SHA-256 by which a token is looked up, in hex."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def redacted(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy in which the value of every key that names a secret is hidden, at any depth."""
    return {key: HIDDEN if _names_secret(key[-_LONGEST_NAME:]) else _redacted(value) for key, value in payload.items()}


def _redacted(value: Any) -> Any:
    if isinstance(value, dict):
        return redacted(value)
    if isinstance(value, list):
        return [_redacted(one) for one in value]
    return value


@lru_cache(maxsize=4096)
def _names_secret(key: str) -> bool:
    squeezed = _SEPARATORS.sub("", key).lower()
    return _SECRET_KEY.search(squeezed) is not None and _NO_SECRET_KEY.search(squeezed) is None
