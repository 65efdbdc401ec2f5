"""Unwrapping of messages inside an envelope: a list or a group in an object, name-value items, or a text in a field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from alerts.meaning import objections
from alerts.parsing import body as bodies
from alerts.parsing.body import MAX_SIGNALS, BodyUnreadable, DecodedMessage
from alerts.parsing.fields import Fields, names_other_order, squeeze
from alerts.parsing.values import is_missing
from alerts.vocabulary import words
from alerts.vocabulary.aliases import GENERAL
from alerts.vocabulary.words import WordsContradict

_TEXT_FIELDS = (
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
_CODE_BEGINS = ("ENTER-", "EXIT-")
_SYMBOLS, _COMMANDS = frozenset(GENERAL.symbol), frozenset(GENERAL.commands)
_INSTRUCTION_FIELDS = _COMMANDS | frozenset(GENERAL.remarks)
_NAME_KEYS = ("name", "title", "key", "field", "label")
_MAX_DEPTH = 4


def unwrap(message: DecodedMessage, *, max_depth: int = _MAX_DEPTH) -> list[DecodedMessage]:
    """Return the messages inside an envelope, each with the envelope's other fields; the message itself without one.

    An envelope names no symbol and has exactly one list of objects, one group, or one text that decodes to a message.
    It is left closed when its other fields contradict the message inside, so that the contradiction is reported.
    """
    payload = message.payload
    if not max_depth or not isinstance(payload, Mapping) or _names_symbol(payload):
        return [message]
    wrapped = _unwrap_list(message, payload) or _unwrap_group(message, payload) or _unwrap_text(message, payload)
    if not wrapped:
        return [message]
    return [innermost for inner in wrapped for innermost in unwrap(inner, max_depth=max_depth - 1)]


def _names_symbol(payload: Mapping[str, Any]) -> bool:
    top_values = (value for name, value in payload.items() if squeeze(name[:64]) in _SYMBOLS)
    if any(isinstance(value, str) and not is_missing(value) for value in top_values):
        return True
    return Fields(payload).find_first(GENERAL.symbol) is not None


def _unwrap_list(message: DecodedMessage, payload: Mapping[str, Any]) -> list[DecodedMessage]:
    """Return the messages in the payload's only list of objects; one message when its items are name-value pairs."""
    lists = [name for name, value in payload.items() if _is_list_of_objects(value)]
    if len(lists) != 1 or names_other_order(lists[0]) or _is_instruction(lists[0]):
        return []
    [name] = lists
    if (values := _read_name_value_items(payload[name])) is not None:
        return _merge_with_envelope(message, payload, name, [values])
    return _merge_with_envelope(message, payload, name, payload[name])


def _is_list_of_objects(value: Any) -> bool:
    return (
        isinstance(value, list)
        and 0 < len(value) <= MAX_SIGNALS
        and all(isinstance(element, dict) for element in value)
    )


def _read_name_value_items(items: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the values by name of items such as `{"name": "symbol", "value": "BTCUSDT"}`, used by chat cards.

    None when an item has another shape, or a name comes twice.
    """
    values = {
        str(item[name_key]): item["value"]
        for item in items
        if "value" in item and (name_key := next((key for key in _NAME_KEYS if isinstance(item.get(key), str)), None))
    }
    return values if len({squeeze(name[:64]) for name in values}) == len(items) else None


def _unwrap_group(message: DecodedMessage, payload: Mapping[str, Any]) -> list[DecodedMessage]:
    """Return the message in the payload's only group."""
    groups = [name for name, value in payload.items() if isinstance(value, dict)]
    if len(groups) != 1 or names_other_order(groups[0]) or _is_instruction(groups[0]):
        return []
    return _merge_with_envelope(message, payload, groups[0], [payload[groups[0]]])


def _unwrap_text(message: DecodedMessage, payload: Mapping[str, Any]) -> list[DecodedMessage]:
    """Return the message that the payload's only text field decodes to."""
    names = [name for name, value in payload.items() if isinstance(value, str) and _may_hold_message(name, value)]
    if len(names) != 1:
        return []
    try:
        inner = bodies.decode(payload[names[0]].encode())
    except BodyUnreadable:
        return []
    if len(inner) != 1 or not isinstance(inner[0].payload, Mapping):
        return []
    return _merge_with_envelope(message, payload, names[0], [dict(inner[0].payload)])


def _may_hold_message(name: str, value: str) -> bool:
    """Return whether a text field may hold a message: by its name, or a code of WunderTrading in the field `code`."""
    lowered = name.lower()
    return lowered in _TEXT_FIELDS or (lowered == "code" and value.startswith(_CODE_BEGINS))


def _merge_with_envelope(
    message: DecodedMessage, payload: Mapping[str, Any], name: str, inner_payloads: list[dict[str, Any]]
) -> list[DecodedMessage]:
    """Return each inner message with the envelope's other fields; none when these contradict one of them.

    `name` is the field that holds the inner messages.
    """
    envelope = {other: value for other, value in payload.items() if other != name}
    if any(_contradict(envelope, inner) for inner in inner_payloads):
        return []
    merged = [envelope | inner for inner in inner_payloads]
    if len(merged) == 1:
        return [replace(message, payload=merged[0])]
    return [DecodedMessage(payload=inner, raw=msgspec.json.encode(inner)) for inner in merged]


def _contradict(envelope: Mapping[str, Any], inner: Mapping[str, Any]) -> bool:
    """Return whether the same instruction field stands in both with different values."""
    inner_values = {squeeze(name[:64]): value for name, value in inner.items()}
    for name, value in envelope.items():
        squeezed = squeeze(name[:64])
        if squeezed not in inner_values or squeezed not in _INSTRUCTION_FIELDS or inner_values[squeezed] == value:
            continue
        if squeezed in _COMMANDS or _is_instruction(str(value)):
            return True
    return False


def _is_instruction(text: str) -> bool:
    """Return whether a text is an instruction, or mentions something that rules an entry out (a cancel, a stop)."""
    try:
        return words.parse(text[:100]) is not None or objections.speaks_against_entry(text[:100])
    except WordsContradict:
        return True
