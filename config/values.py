"""Types of settings that Python lacks: secrets and networks, and the error about a value that is not allowed."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

Network = IPv4Network | IPv6Network


class SettingInvalid(ValueError):
    """A variable has a value that is not allowed; the message names the variable, the value and the allowed ones."""

    def __init__(self, name: str, value: str, allowed: str) -> None:
        super().__init__(f"{name}={value!r} is not allowed: {allowed}")
        self.name, self.allowed = name, allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A value that is printed as `…`; `reveal` returns it."""

    hidden: str = field(repr=False)

    def __str__(self) -> str:
        return "…"

    def reveal(self) -> str:
        """Return the value itself."""
        return self.hidden
