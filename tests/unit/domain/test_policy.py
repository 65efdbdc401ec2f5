"""Who may trade for real: every mode, with every engine there or not, paused or not, stale or not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import policy
from domain.decision import EngineSlot
from domain.policy import ExecutionMode, ExecutionPolicy, PolicyVersion

A, B = EngineSlot.A, EngineSlot.B
BOTH = frozenset(EngineSlot)
MODES = st.sampled_from(ExecutionMode)
SLOTS = st.sampled_from(EngineSlot)
AVAILABLE = st.frozensets(SLOTS)
SPLITS = st.integers(0, 1_000_000)
DENIALS = st.sampled_from([None, "stale_signal"])


def a_version(mode: ExecutionMode, *, split_ppm: int = 500_000, paused: bool = False) -> PolicyVersion:
    return PolicyVersion(policy_version_id=1, book="paper", label="v7", mode=mode, split_ppm=split_ppm, paused=paused)


def resolve_policy(
    mode: ExecutionMode,
    *,
    variant: EngineSlot = A,
    available: frozenset[EngineSlot] = BOTH,
    split_ppm: int = 500_000,
    paused: bool = False,
    denied_for: str | None = None,
) -> ExecutionPolicy:
    version = a_version(mode, split_ppm=split_ppm, paused=paused)
    return policy.resolve(version, variant=variant, available=available, denied_for=denied_for)


@pytest.mark.property_id(10, 11, 12)
@pytest.mark.parametrize(
    ("mode", "variant", "executed", "shadows", "reason"),
    [
        (ExecutionMode.SHADOW_ONLY, A, (), (A, B), "shadow_only"),
        (ExecutionMode.ENGINE_A_PRIMARY, B, (A,), (B,), "engine_a_primary"),
        (ExecutionMode.ENGINE_B_PRIMARY, A, (B,), (A,), "engine_b_primary"),
        (ExecutionMode.SPLIT_CAPITAL, A, (A, B), (), "split_capital"),
        (ExecutionMode.VARIANT_PRIMARY, A, (A,), (B,), "variant_primary"),
        (ExecutionMode.VARIANT_PRIMARY, B, (B,), (A,), "variant_primary"),
    ],
)
def test_each_mode_executes_and_shadows_whom_it_names(
    mode: ExecutionMode,
    variant: EngineSlot,
    executed: tuple[EngineSlot, ...],
    shadows: tuple[EngineSlot, ...],
    reason: str,
) -> None:
    result = resolve_policy(mode, variant=variant)

    assert (result.executed, result.shadows, result.reason) == (executed, shadows, reason)
    assert (result.execution_mode, result.policy_version) == (mode, "v7")
    assert result.allocations == dict.fromkeys(executed, Decimal(1) / max(len(executed), 1))


@pytest.mark.property_id(12)
@pytest.mark.parametrize(("ppm", "a", "b"), [(250_000, "0.25", "0.75"), (1, "0.000001", "0.999999")])
def test_split_capital_gives_a_its_share_and_b_the_rest(ppm: int, a: str, b: str) -> None:
    result = resolve_policy(ExecutionMode.SPLIT_CAPITAL, split_ppm=ppm)

    assert result.allocations == {A: Decimal(a), B: Decimal(b)}


@pytest.mark.property_id(12)
@given(mode=MODES, variant=SLOTS, available=AVAILABLE, split_ppm=SPLITS, paused=st.booleans(), denied_for=DENIALS)
def test_no_more_than_the_whole_capital_is_ever_allocated(
    *,
    mode: ExecutionMode,
    variant: EngineSlot,
    available: frozenset[EngineSlot],
    split_ppm: int,
    paused: bool,
    denied_for: str | None,
) -> None:
    result = resolve_policy(
        mode, variant=variant, available=available, split_ppm=split_ppm, paused=paused, denied_for=denied_for
    )

    assert sum(result.allocations.values()) <= 1
    assert all(0 <= share <= 1 for share in result.allocations.values())
    assert len(result.executed) <= (2 if result.execution_mode is ExecutionMode.SPLIT_CAPITAL else 1)
    assert {*result.executed} | {*result.shadows} == BOTH
    assert not {*result.executed} & {*result.shadows}


@pytest.mark.property_id(11)
@given(mode=MODES, variant=SLOTS, available=AVAILABLE, paused=st.booleans(), denied_for=DENIALS)
def test_shadow_only_executes_nobody_and_nothing_else_does_without_a_reason(
    mode: ExecutionMode, variant: EngineSlot, available: frozenset[EngineSlot], paused: bool, denied_for: str | None
) -> None:
    result = resolve_policy(mode, variant=variant, available=available, paused=paused, denied_for=denied_for)

    if result.execution_mode is ExecutionMode.SHADOW_ONLY:
        assert result.allocations == {}
    assert (result.execution_mode is mode) == (result.reason == mode.value.lower())


@pytest.mark.property_id(10)
@given(mode=MODES, variant=SLOTS, available=AVAILABLE, split_ppm=SPLITS)
def test_an_engine_that_is_not_available_never_trades_for_real(
    mode: ExecutionMode, variant: EngineSlot, available: frozenset[EngineSlot], split_ppm: int
) -> None:
    result = resolve_policy(mode, variant=variant, available=available, split_ppm=split_ppm)

    assert {*result.executed} <= available


@pytest.mark.property_id(10, 11)
@pytest.mark.parametrize(
    ("mode", "variant", "available", "reason"),
    [
        (ExecutionMode.ENGINE_A_PRIMARY, A, {B}, "engine_a_unavailable"),
        (ExecutionMode.ENGINE_B_PRIMARY, A, {A}, "engine_b_unavailable"),
        (ExecutionMode.SPLIT_CAPITAL, A, {A}, "engine_b_unavailable"),
        (ExecutionMode.SPLIT_CAPITAL, A, {B}, "engine_a_unavailable"),
        (ExecutionMode.VARIANT_PRIMARY, B, {A}, "engine_b_unavailable"),
        (ExecutionMode.ENGINE_A_PRIMARY, A, set(), "engine_a_unavailable"),
    ],
)
def test_without_the_engine_that_should_trade_nobody_does_and_the_reason_names_it(
    mode: ExecutionMode, variant: EngineSlot, available: set[EngineSlot], reason: str
) -> None:
    result = resolve_policy(mode, variant=variant, available=frozenset(available))

    assert (result.execution_mode, result.allocations, result.reason) == (ExecutionMode.SHADOW_ONLY, {}, reason)


@pytest.mark.parametrize(
    ("mode", "variant", "available"),
    [
        (ExecutionMode.ENGINE_A_PRIMARY, B, {A}),
        (ExecutionMode.ENGINE_B_PRIMARY, A, {B}),
        (ExecutionMode.VARIANT_PRIMARY, A, {A}),
        (ExecutionMode.SHADOW_ONLY, A, set()),
    ],
)
def test_the_absence_of_an_engine_that_only_shadows_changes_nothing(
    mode: ExecutionMode, variant: EngineSlot, available: set[EngineSlot]
) -> None:
    assert resolve_policy(mode, variant=variant, available=frozenset(available)) == resolve_policy(
        mode, variant=variant
    )


@pytest.mark.property_id(11, 13)
@pytest.mark.parametrize("mode", [mode for mode in ExecutionMode if mode is not ExecutionMode.SHADOW_ONLY])
@pytest.mark.parametrize(
    ("paused", "denied_for", "reason"),
    [(True, None, "paused"), (False, "stale_signal", "stale_signal"), (True, "stale_signal", "paused")],
)
def test_a_pause_and_a_stale_signal_stop_real_trading_in_every_mode(
    mode: ExecutionMode, paused: bool, denied_for: str | None, reason: str
) -> None:
    result = resolve_policy(mode, paused=paused, denied_for=denied_for)

    assert (result.execution_mode, result.allocations, result.reason) == (ExecutionMode.SHADOW_ONLY, {}, reason)


def test_a_pause_leaves_shadow_only_as_it_is() -> None:
    assert resolve_policy(ExecutionMode.SHADOW_ONLY, paused=True).reason == "shadow_only"
