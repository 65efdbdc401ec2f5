"""What a message is wrapped in: a list of signals in an object, or a message in a text field of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from app.dialects import body as bodies
from app.dialects.aliases import GENERAL
from app.dialects.body import MAX_SIGNALS, BodyUnreadable, Part
from app.dialects.fields import Fields

_TEXTS = ("text", "content", "message", "msg", "body", "payload", "data", "alert", "alertmessage", "alert_message")
_DEEPEST = 3


def opened(part: Part, *, deepest: int = _DEEPEST) -> list[Part]:
    """Return the messages that a part wraps, each with what stands beside them; itself when it names a symbol.

    Only one list of objects, or one text that reads as a message, is taken for a wrapping.
    """
    payload = part.payload
    if not deepest or not isinstance(payload, Mapping) or Fields(payload).first(GENERAL.symbol) is not None:
        return [part]
    found = _listed(part, payload) or _written(part, payload)
    return [one for inner in found for one in opened(inner, deepest=deepest - 1)] if found else [part]


def _listed(part: Part, payload: Mapping[str, Any]) -> list[Part]:
    lists = [name for name, value in payload.items() if _is_list_of_objects(value)]
    if len(lists) != 1:
        return []
    beside = {name: value for name, value in payload.items() if name != lists[0]}
    wrapped = [beside | one for one in payload[lists[0]]]
    if len(wrapped) == 1:
        return [replace(part, payload=wrapped[0])]
    return [Part(payload=one, raw=msgspec.json.encode(one)) for one in wrapped]


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= MAX_SIGNALS and all(isinstance(one, dict) for one in value)


def _written(part: Part, payload: Mapping[str, Any]) -> list[Part]:
    texts = [name for name, value in payload.items() if name.lower() in _TEXTS and isinstance(value, str)]
    if len(texts) != 1:
        return []
    try:
        inner = bodies.decode(payload[texts[0]].encode())
    except BodyUnreadable:
        return []
    if len(inner) != 1 or not isinstance(inner[0].payload, Mapping):
        return []
    beside = {name: value for name, value in payload.items() if name != texts[0]}
    return [replace(part, payload=beside | dict(inner[0].payload))]
