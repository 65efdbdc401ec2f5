"""How long tasks may run: a share of the lease, and long enough for every question that was put to an engine."""

from __future__ import annotations

import pytest

from config import settings, time_limits
from config.time_limits import ASKING_S, STORING_S, TimeLimits

URL = "https://engine.example/decide"


def limits(**environ: str) -> TimeLimits:
    return settings.load(environ).dispatch_limits


@pytest.mark.parametrize("lease_s", ["3", "60", "600"])
def test_with_the_built_in_engines_every_task_has_the_same_limits(lease_s: str) -> None:
    expected = TimeLimits(soft_s=float(lease_s) * 40 / 60, hard_s=float(lease_s) * 50 / 60)

    found = limits(LEASE_S=lease_s, ENGINE_A_DEADLINE_S="60")

    assert found == time_limits.task_limits(lease_s=int(lease_s)) == expected


@pytest.mark.parametrize("lease_s", ["10", "60"])
@pytest.mark.parametrize("deadline_s", ["0.1", "5", "20", "60"])
@pytest.mark.parametrize("slot", ["A", "B"])
def test_a_batch_has_time_for_the_whole_deadline_of_its_last_question(lease_s: str, deadline_s: str, slot: str) -> None:
    found = limits(**{"LEASE_S": lease_s, f"ENGINE_{slot}": URL, f"ENGINE_{slot}_DEADLINE_S": deadline_s})

    assert found.soft_s >= ASKING_S + float(deadline_s) + STORING_S
    assert found.hard_s - found.soft_s == pytest.approx(float(lease_s) / 6)


def test_with_the_defaults_an_engine_of_ones_own_changes_no_limit() -> None:
    assert limits(ENGINE_A=URL) == limits()


def test_of_two_engines_with_one_name_the_longer_deadline_counts() -> None:
    found = limits(ENGINE_A=URL, ENGINE_B=URL, ENGINE_A_DEADLINE_S="40", ENGINE_B_DEADLINE_S="1")

    assert found.soft_s == ASKING_S + 40 + STORING_S


def test_a_queue_behind_a_batch_that_waits_for_its_engines_is_no_alarm() -> None:
    slow = settings.load({"LEASE_S": "10", "ENGINE_A": URL, "ENGINE_A_DEADLINE_S": "60"})

    assert slow.silent_after_s >= slow.dispatch_limits.hard_s + slow.canary_every_s
    assert settings.load({"LEASE_S": "10"}).silent_after_s == 60
