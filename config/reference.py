"""The reference of settings in the documentation, written from their declarations by `python -m config.reference`."""

from __future__ import annotations

from pathlib import Path

from config import settings
from config.declaration import Declaration

DOCUMENT = Path(__file__).parents[1] / "docs" / "operating.md"
_BEGIN = "<!-- settings: begin (written by `python -m config.reference`) -->\n"
_END = "<!-- settings: end -->\n"
_HEAD = "| variable | default | meaning |\n|---|---|---|\n"


def format_table() -> str:
    """Return the settings as a table in Markdown, without those that serve tests only."""
    return _HEAD + "".join(_format_row(declaration) for declaration in settings.declarations().values())


def replace_table(document: str) -> str:
    """Return the document with the table between the two markers replaced by the one of the declarations.

    Raises:
        ValueError: when the document does not have both markers once.
    """
    before, _, rest = _split_once(document, _BEGIN)
    _, _, after = _split_once(rest, _END)
    return f"{before}{_BEGIN}{format_table()}{_END}{after}"


def _format_row(declaration: Declaration) -> str:
    return f"| `{declaration.variable}` | {declaration.default_shown} | {declaration.meaning} |\n"


def _split_once(document: str, marker: str) -> tuple[str, str, str]:
    if document.count(marker) != 1:
        raise ValueError(f"expected {marker.strip()!r} once in the document")
    return document.partition(marker)


if __name__ == "__main__":
    DOCUMENT.write_text(replace_table(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
