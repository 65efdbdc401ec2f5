"""Version of a built-in engine: a hash of its code and its configuration, equal on every machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

# These modules decide how both built-in engines read and size, so a change in them is a change of either.
SHARED = (("engines", "reading.py"), ("engines", "sizing.py"), ("trading_orchestrator", "sizing.py"))
VERSION_LENGTH = 12


def version_of(package: str, configuration: Any) -> str:
    """Hash the sources of `engines.<package>`, the shared modules and a configuration dataclass to 12 hex digits."""
    root = resources.files("engines")
    files = [(f"{package}/{file.name}", file) for file in (root / package).iterdir() if file.name.endswith(".py")]
    files += [(f"{owner}/{name}", resources.files(owner) / name) for owner, name in SHARED]
    return hash_sources(_read_sources(files), configuration)


def hash_sources(files: Iterable[tuple[str, str]], configuration: Any) -> str:
    """Hash (name, source) pairs in any order and any newline style, with a configuration dataclass."""
    digest = hashlib.sha256()
    for name, source in sorted(files):
        digest.update(f"{name}\x1f{normalise_newlines(source)}\x1e".encode())
    digest.update(json.dumps(asdict(configuration), sort_keys=True, default=str).encode())
    return digest.hexdigest()[:VERSION_LENGTH]


def normalise_newlines(source: str) -> str:
    """Return the source with one newline style."""
    return source.replace("\r\n", "\n").replace("\r", "\n")


def _read_sources(files: Iterable[tuple[str, Traversable]]) -> list[tuple[str, str]]:
    return [(name, file.read_text(encoding="utf-8")) for name, file in files]
