"""What a message is wrapped in: a list or a group in an object, named values in a row, or a text in a field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from alerts.meaning import objections
from alerts.parsing import body as bodies
from alerts.parsing.body import MAX_SIGNALS, BodyUnreadable, Part
from alerts.parsing.fields import Fields, is_elsewhere, squeeze
from alerts.parsing.values import is_missing
from alerts.vocabulary import words
from alerts.vocabulary.aliases import GENERAL
from alerts.vocabulary.words import WordsContradict

_TEXTS = (
    "text",
    "content",
    "message",
    "msg",
    "body",
    "payload",
    "data",
    "alert",
    "alertmessage",
    "alert_message",
    "description",
)
_SYMBOLS, _COMMANDS = frozenset(GENERAL.symbol), frozenset(GENERAL.commands)
_ASKING = _COMMANDS | frozenset(GENERAL.remarks)
_NAMES = ("name", "title", "key", "field", "label")
_DEEPEST = 4


def opened(part: Part, *, deepest: int = _DEEPEST) -> list[Part]:
    """Return the messages that a part wraps, each with what stands beside them; itself when it names a symbol.

    Only one list of objects, one group, or one text that reads as a message, is taken for a wrapping. What stands
    beside it and asks for something else keeps it closed.
    """
    payload = part.payload
    if not deepest or not isinstance(payload, Mapping) or _names_symbol(payload):
        return [part]
    found = _listed(part, payload) or _grouped(part, payload) or _written(part, payload)
    return [one for inner in found for one in opened(inner, deepest=deepest - 1)] if found else [part]


def _names_symbol(payload: Mapping[str, Any]) -> bool:
    at_top = (value for name, value in payload.items() if squeeze(name[:64]) in _SYMBOLS)
    if any(isinstance(one, str) and not is_missing(one) for one in at_top):
        return True
    return Fields(payload).first(GENERAL.symbol) is not None


def _listed(part: Part, payload: Mapping[str, Any]) -> list[Part]:
    lists = [name for name, value in payload.items() if _is_list_of_objects(value)]
    if len(lists) != 1 or is_elsewhere(lists[0]) or _asks(lists[0]):
        return []
    [name] = lists
    if (row := _row(payload[name])) is not None:
        return _around(part, payload, name, [row])
    return _around(part, payload, name, payload[name])


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= MAX_SIGNALS and all(isinstance(one, dict) for one in value)


def _row(listed: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Read a row of names with values, as cards of chats have them; None when it is none, or names one twice."""
    named = {
        str(one[name]): one["value"]
        for one in listed
        if "value" in one and (name := next((name for name in _NAMES if isinstance(one.get(name), str)), None))
    }
    return named if len({squeeze(name[:64]) for name in named}) == len(listed) else None


def _grouped(part: Part, payload: Mapping[str, Any]) -> list[Part]:
    groups = [name for name, value in payload.items() if isinstance(value, dict)]
    if len(groups) != 1 or is_elsewhere(groups[0]) or _asks(groups[0]):
        return []
    return _around(part, payload, groups[0], [payload[groups[0]]])


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
    return _around(part, payload, texts[0], [dict(inner[0].payload)])


def _around(part: Part, payload: Mapping[str, Any], name: str, inner: list[dict[str, Any]]) -> list[Part]:
    """Return each inner message with what stands beside it; none when something beside asks for something else."""
    beside = {other: value for other, value in payload.items() if other != name}
    if any(_clash(beside, one) for one in inner):
        return []
    wrapped = [beside | one for one in inner]
    if len(wrapped) == 1:
        return [replace(part, payload=wrapped[0])]
    return [Part(payload=one, raw=msgspec.json.encode(one)) for one in wrapped]


def _clash(beside: Mapping[str, Any], inner: Mapping[str, Any]) -> bool:
    asked = {squeeze(name[:64]): value for name, value in inner.items()}
    for name, value in beside.items():
        same = squeeze(name[:64])
        if same in asked and same in _ASKING and asked[same] != value and (same in _COMMANDS or _asks(str(value))):
            return True
    return False


def _asks(written: str) -> bool:
    """Say whether a word asks for something, or speaks of something that no entry speaks of."""
    try:
        return words.read(written[:100]) is not None or objections.turns(written[:100])
    except WordsContradict:
        return True
