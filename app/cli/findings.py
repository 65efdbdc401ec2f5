"""What a command looked at, whether it is as it should be, and a line that says so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str

    @property
    def line(self) -> str:
        """The finding as it is printed."""
        return f"{'ok ' if self.ok else 'BAD'}  {self.name:<22}{self.detail}"
