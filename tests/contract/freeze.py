"""Freeze what others build on as it is now, on purpose: python -m tests.contract.freeze [NAME...], default all.

The tests that compare the documents write them instead, so that both see the product the same way.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.contract.documents import NAMES, TO_FREEZE


def main(names: list[str]) -> int:
    """Write the named documents; return pytest's exit code, 2 for a name that no document has."""
    unknown = set(names) - set(NAMES)
    if unknown:
        sys.stderr.write(f"no such document: {', '.join(sorted(unknown))}; there are: {', '.join(NAMES)}\n")
        return 2
    chosen = names or NAMES
    os.environ[TO_FREEZE] = " ".join(chosen)
    tests = " or ".join(f"test_the_document_{name}_is_unchanged" for name in chosen)
    return int(pytest.main(["-q", str(Path(__file__).parent), "-k", tests]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
