"""Redaction of secrets in a sender's message before it is stored or shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

HIDDEN = "***"
_LONGEST_NAME = 64
_SEPARATORS = re.compile(r"[\s._\-]+")
_SECRET_KEY = re.compile(
    r"(secret|passphrase|password|passwd|pwd|token|key|pin|auth|authorization|credentials?|licen[cs]e(id)?|bearer"
    r"|signature)$"
)
# Keys that only end like a secret, such as `spin`; an account PIN is one.
_NOT_SECRET_KEY = re.compile(r"(?<!^)(?<!account)pin$|(?<!^)auth$")


def redact(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy in which the value of every key that names a secret is replaced by `***`, at any depth."""
    return {
        key: HIDDEN if _names_secret(key[-_LONGEST_NAME:]) else _redact_value(value) for key, value in payload.items()
    }


def _redact_value(value: Any) -> Any:
    if isinstance(value, dict):
        return redact(value)
    if isinstance(value, list):
        return [_redact_value(element) for element in value]
    return value


@lru_cache(maxsize=4096)
def _names_secret(key: str) -> bool:
    squeezed = _SEPARATORS.sub("", key).lower()
    return _SECRET_KEY.search(squeezed) is not None and _NOT_SECRET_KEY.search(squeezed) is None
