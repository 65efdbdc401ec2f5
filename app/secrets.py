"""Secrets: tokens that are stored hashed and encrypted, and keys whose values are never shown."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HIDDEN = "***"
_TOKEN_BYTES = 32
_LONGEST_NAME = 64
_PURPOSE = b"trading-orchestrator/source-tokens/v1"
_SEPARATORS = re.compile(r"[\s._\-]+")
_SECRET_KEY = re.compile(
    r"(secret|passphrase|password|passwd|pwd|token|key|pin|auth|authorization|credentials?|licen[cs]e(id)?|bearer"
    r"|signature)$"
)
_NO_SECRET_KEY = re.compile(r"(?<!^)(?<!account)pin$|(?<!^)auth$")


class TokenVault:
    """Encrypts tokens for display under a key derived from the secret key (HKDF-SHA256, Fernet)."""

    def __init__(self, secret_key: str) -> None:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret_key.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, token: str) -> bytes:
        """Return the token encrypted."""
        return self._fernet.encrypt(token.encode())

    def open(self, sealed: bytes) -> str:
        """Return the token again.

        Raises:
            cryptography.fernet.InvalidToken: when it was sealed under another secret key.
        """
        return self._fernet.decrypt(sealed).decode()


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
