"""Hiding the values of keys that name a secret before a sender's message is stored or shown."""

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
_NO_SECRET_KEY = re.compile(r"(?<!^)(?<!account)pin$|(?<!^)auth$")


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
