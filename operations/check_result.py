"""Result of a check, as `orchestrator doctor` and `orchestrator policy live` print it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """Outcome of one check: its name, whether it passed, and the detail to print."""

    name: str
    ok: bool
    detail: str
