"""Rendering of a benchmark's document as a text table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_WIDTH = 52


def render_table(document: Mapping[str, Any]) -> str:
    """Render a document line by line, with a heading for each nested object."""
    return "\n".join(_render_lines(document, depth=0))


def _render_lines(group: Mapping[str, Any], *, depth: int) -> Iterator[str]:
    """Yield the lines of one object, indented by its depth."""
    for name, value in group.items():
        label = "  " * depth + name.replace("_", " ")
        if isinstance(value, Mapping):
            if not depth:
                yield ""
            yield label if value else f"{label:<{_WIDTH}} none"
            yield from _render_lines(value, depth=depth + 1)
        else:
            yield f"{label:<{_WIDTH}} {_format_value(value)}"


def _format_value(value: object) -> str:
    """Format a value as text: numbers with thousands separators, None as unknown."""
    match value:
        case None:
            return "unknown"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:,}"
        case int():
            return f"{value:,}"
        case _:
            return str(value)
