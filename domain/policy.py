"""Execution policy: which engine may trade for real, which trades in shadow only, and the reason."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from domain.decision import EngineSlot


class ExecutionMode(Enum):
    """The five ways to share real trading between the engines."""

    SHADOW_ONLY = "SHADOW_ONLY"
    ENGINE_A_PRIMARY = "ENGINE_A_PRIMARY"
    ENGINE_B_PRIMARY = "ENGINE_B_PRIMARY"
    SPLIT_CAPITAL = "SPLIT_CAPITAL"
    VARIANT_PRIMARY = "VARIANT_PRIMARY"


class Switch(Enum):
    """Switch for real trading, from its weakest position to its strongest.

    Entries are sent (on), held back (paused), or held back while everything real is closed (flat).
    """

    ON = "on"
    PAUSED = "paused"
    FLAT = "flat"

    def tighten(self, wanted: Switch) -> Switch:
        """Return the stronger of this position and the wanted one."""
        positions = tuple(Switch)
        return max(self, wanted, key=positions.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """A version of a book's policy: new experiments follow the newest. `split_ppm` is in parts per million."""

    policy_version_id: int
    book: str
    label: str
    mode: ExecutionMode
    split_ppm: int
    paused: bool
    flatten: bool = False

    @property
    def switch(self) -> Switch:
        """The position of the switch for real trading."""
        if self.flatten:
            return Switch.FLAT
        return Switch.PAUSED if self.paused else Switch.ON


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionPolicy:
    """The policy as it applies to one experiment.

    `allocations` gives each engine that may trade for real its share of its own quantity (0..1); the engines
    that may not are absent. `reason` is a stable code.
    """

    execution_mode: ExecutionMode
    allocations: dict[EngineSlot, Decimal]
    reason: str
    policy_version: str

    @property
    def executed(self) -> tuple[EngineSlot, ...]:
        """The engines that may trade for real, in slot order."""
        return tuple(slot for slot in EngineSlot if slot in self.allocations)

    @property
    def shadows(self) -> tuple[EngineSlot, ...]:
        """The engines that trade in shadow only, in slot order."""
        return tuple(slot for slot in EngineSlot if slot not in self.allocations)


def resolve(
    version: PolicyVersion, *, variant: EngineSlot, available: frozenset[EngineSlot], denied_for: str | None = None
) -> ExecutionPolicy:
    """Return which engines trade for real under `version`, with the reason.

    `denied_for` names a circumstance that forbids real trading of this signal altogether (`stale_signal`, ...).
    When an engine that should trade is not available, none trades for real and the reason names the engine.
    """
    allocations = _allocate(version, variant)
    blocker = _find_blocker(version, allocations, available=available, denied_for=denied_for)
    if blocker is None:
        reason = "shadow_only" if version.mode is ExecutionMode.SHADOW_ONLY else version.mode.value.lower()
        return ExecutionPolicy(
            execution_mode=version.mode, allocations=allocations, reason=reason, policy_version=version.label
        )
    return ExecutionPolicy(
        execution_mode=ExecutionMode.SHADOW_ONLY, allocations={}, reason=blocker, policy_version=version.label
    )


def _allocate(version: PolicyVersion, variant: EngineSlot) -> dict[EngineSlot, Decimal]:
    """Return the share of its own quantity that the mode gives each engine that trades for real."""
    match version.mode:
        case ExecutionMode.SHADOW_ONLY:
            return {}
        case ExecutionMode.ENGINE_A_PRIMARY:
            return {EngineSlot.A: Decimal(1)}
        case ExecutionMode.ENGINE_B_PRIMARY:
            return {EngineSlot.B: Decimal(1)}
        case ExecutionMode.VARIANT_PRIMARY:
            return {variant: Decimal(1)}
        case ExecutionMode.SPLIT_CAPITAL:
            share = Decimal(version.split_ppm) / 1_000_000
            return {EngineSlot.A: share, EngineSlot.B: 1 - share}


def _find_blocker(
    version: PolicyVersion,
    allocations: dict[EngineSlot, Decimal],
    *,
    available: frozenset[EngineSlot],
    denied_for: str | None,
) -> str | None:
    """Return the reason why the allocated engines may not trade for real, None when they may."""
    if not allocations:
        return None
    if version.paused:
        return "paused"
    if denied_for is not None:
        return denied_for
    for slot in allocations:
        if slot not in available:
            return f"engine_{slot.value.lower()}_unavailable"
    return None
