"""Names of TradingView's placeholders that were not replaced, added to the errors of a refused message."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from alerts.meaning.reading import FieldErrors
from alerts.parsing.body import DecodedMessage

# Only names that TradingView has are repeated: another text in double brackets may be a secret.
_PLACEHOLDER = re.compile(
    r"\{\{ ?(?:ticker|exchange|interval|open|high|low|close|volume|time|timenow|plot_\d{1,2}|plot\(\"[\w ]{1,40}\"\)"
    r"|syminfo\.(?:currency|basecurrency)|strategy\.(?:order\.(?:action|contracts|price|id|comment|alert_message)"
    r"|(?:prev_)?market_position(?:_size)?|position_size)) ?\}\}"
)
_ANY = re.compile(r"\{\{[^{}]{0,60}\}\}")
_MOST = 8


def name_in_body(errors: FieldErrors, body: bytes) -> FieldErrors:
    """Return the errors of a body that is no message, with the placeholders in it."""
    if b"{{" not in body:
        return errors
    return _add_note(errors, [f"{name} in the text" for name in _find_names(body.decode(errors="replace"))])


def name_in_payload(errors: FieldErrors, message: DecodedMessage) -> FieldErrors:
    """Return the errors of a message, with the placeholders that stand in its fields."""
    if b"{{" not in message.raw:
        return errors
    notes = [f"{name} in {path}" for path, text in _iterate_texts(message.payload, "") for name in _find_names(text)]
    # A placeholder without quotes was read as nothing, so it stands in no field any more.
    notes = notes or [f"{name} in the text" for name in _find_names(message.raw.decode(errors="replace"))]
    return _add_note(errors, notes)


def _find_names(text: str) -> list[str]:
    names = [match.group().replace(" ", "") for match in _PLACEHOLDER.finditer(text)]
    return list(dict.fromkeys(names)) or (["a placeholder"] if _ANY.search(text) else [])


def _iterate_texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield each text of a payload with its dotted path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, member in value.items():
            yield from _iterate_texts(member, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for member in value:
            yield from _iterate_texts(member, path)


def _add_note(errors: FieldErrors, notes: list[str]) -> FieldErrors:
    """Add the note to the first field's errors."""
    if not notes:
        return errors
    first = next(iter(errors))
    note = f"TradingView did not replace {', '.join(notes[:_MOST])}"
    return {**errors, first: [*errors[first], note]}
