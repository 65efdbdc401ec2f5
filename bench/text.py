"""A benchmark's document as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_WIDTH = 52


def table(document: Mapping[str, Any]) -> str:
    """Write a document line by line, its parts under headings."""
    return "\n".join(_lines(document, depth=0))


def _lines(group: Mapping[str, Any], *, depth: int) -> Iterator[str]:
    for name, value in group.items():
        label = "  " * depth + name.replace("_", " ")
        if isinstance(value, Mapping):
            if not depth:
                yield ""
            yield label if value else f"{label:<{_WIDTH}} none"
            yield from _lines(value, depth=depth + 1)
        else:
            yield f"{label:<{_WIDTH}} {_told(value)}"


def _told(value: object) -> str:
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
