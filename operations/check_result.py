"""Result of a check that a command makes and prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """Whether one checked thing is as it should be, with the detail to print."""

    name: str
    ok: bool
    detail: str
