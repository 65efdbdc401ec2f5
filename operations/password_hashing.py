"""Hashing of passwords with Argon2id and the second recommended set of parameters of RFC 9106, section 4 (64 MiB)."""

from __future__ import annotations

import base64
import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


def hash_password(password: str) -> str:
    """Return the password's hash, with its parameters and a salt of its own."""
    return _HASHER.hash(_normalize(password))


def matches_hash(password_hash: str | None, password: str) -> bool:
    """Return whether the password belongs to the hash; without a hash, return False after the same time."""
    try:
        return _HASHER.verify(password_hash or _DECOY_HASH, _normalize(password))
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Return whether a hash was made with other parameters than the present ones."""
    return _HASHER.check_needs_rehash(password_hash)


def _normalize(password: str) -> bytes:
    """Return the password in Unicode's NFKC form, which is the same however the keyboard composed its letters."""
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")


def _make_decoy_hash() -> str:
    """Return a hash with the present parameters that belongs to no password, for comparisons that must take as long."""
    salt, digest = (_encode_base64(secrets.token_bytes(size)) for size in (_HASHER.salt_len, _HASHER.hash_len))
    costs = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def _encode_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


_DECOY_HASH = _make_decoy_hash()
