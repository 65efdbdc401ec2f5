"""The frozen documents: what users, scripts and dashboards build on, stored in `frozen/` and compared with the product.

A change that breaks none of them may still be wanted: then `python -m tests.contract.freeze NAME` writes the document
anew, and the difference is reviewed in the commit.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ("cli", "openapi", "names", "schema", "demo_report")
TO_FREEZE = "DOCUMENTS_TO_FREEZE"
DIRECTORY = Path(__file__).parent / "frozen"


def check(name: str, document: Any) -> None:
    """Fail with the differences to the frozen document; write it instead where TO_FREEZE names it."""
    file = DIRECTORY / f"{name}.json"
    if name in os.environ.get(TO_FREEZE, "").split():
        file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    differences = compare(json.loads(file.read_text(encoding="utf-8")), document)
    if differences:
        how = f"if this change is wanted: python -m tests.contract.freeze {name}"
        pytest.fail(
            "\n".join([f"{file.name} is frozen (-) and differs from the product (+)", *differences, how]), False
        )


def compare(frozen: Any, current: Any) -> list[str]:
    """Return the lines that were removed (-) and added (+), each with the path of its value; none when all is equal."""
    before, now = (list(_lines("", json.loads(json.dumps(document)))) for document in (frozen, current))
    _two_files, *lines = [*difflib.unified_diff(before, now, n=0, lineterm="")] or [""]
    return [line for line in lines if line.startswith(("-", "+")) and line.rstrip() != "+++"]


def _lines(path: str, value: Any) -> Iterator[str]:
    """Write each value behind its path; texts in lists go without their position, so that one more is one line."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _lines(f"{path}.{key}" if path else key, item)
    elif isinstance(value, list) and value:
        for position, item in enumerate(value):
            yield from _lines(f"{path}[{position}]" if isinstance(item, dict | list) else f"{path}[]", item)
    else:
        yield f"{path} = {json.dumps(value, ensure_ascii=False)}"
