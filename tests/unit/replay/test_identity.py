"""A replay's identity: the same input is the same book."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.context import PriceSide
from domain.decision import EngineSlot
from domain.policy import ExecutionMode
from domain.signal import SellAlone
from replay.identity import ReplayIdentity, ReplayTerms, derive_identity
from replay.schedule import build_schedule
from tests.support.builders.replays import a_bar_file, an_alert_file

_BID, _ASK = a_bar_file(side=PriceSide.BID, digest="cc"), a_bar_file(side=PriceSide.ASK)


def _identity(**changes: Any) -> ReplayIdentity:
    given: dict[str, Any] = {
        "bar_files": [_BID, _ASK],
        "alerts": an_alert_file(),
        "engines": {EngineSlot.A: "rules@1", EngineSlot.B: "committee@1"},
        "mode": ExecutionMode.ENGINE_A_PRIMARY,
        "split_ppm": 500_000,
        "fill_model": "fills1",
    } | changes
    scheduled = build_schedule(given.pop("bar_files"), given.pop("alerts"))
    of_source = {name: given.pop(name) for name in ("sell_alone", "symbols") if name in given}
    settings = replace(scheduled.settings, **of_source)
    return derive_identity(replace(scheduled, settings=settings), ReplayTerms(**given))


def test_the_identity_of_an_input_never_changes() -> None:
    identity = _identity()

    assert identity.book == "replay:779ffe96e4da"
    assert str(identity.study_id) == "d8d740e3-cc2a-59e0-bd78-a9ade3d07758"
    assert identity.salt == "341bd4f372284e9a67b70a7cc3e888b4eebc47b3a58657404d50564e260034f7"


def test_the_order_in_which_bar_files_are_named_does_not_matter() -> None:
    assert _identity(bar_files=[_ASK, _BID]) == _identity()


@pytest.mark.parametrize(
    "changes",
    [
        {"bar_files": [_ASK]},
        {"bar_files": [_BID, a_bar_file(digest="ab")]},
        {"bar_files": [_BID, a_bar_file(symbol="GBPUSD")]},
        {"bar_files": [_BID, a_bar_file(side=PriceSide.MID)]},
        {"bar_files": [_BID, a_bar_file(timezone="America/New_York")]},
        {"bar_files": [_BID, a_bar_file(calendar="24/5")]},
        {"alerts": an_alert_file(digest="bc")},
        {"engines": {EngineSlot.A: "rules@2", EngineSlot.B: "committee@1"}},
        {"engines": {EngineSlot.A: "committee@1", EngineSlot.B: "rules@1"}},
        {"mode": ExecutionMode.SHADOW_ONLY},
        {"split_ppm": 500_001},
        {"fill_model": "fills2"},
        {"sell_alone": SellAlone.EXIT},
        {"symbols": {"US100": "NASDAQ:NDX"}},
    ],
)
def test_whatever_decides_the_result_changes_book_and_salt(changes: dict[str, Any]) -> None:
    before, after = _identity(), _identity(**changes)

    assert before.book != after.book
    assert before.salt != after.salt
    assert before.study_id != after.study_id
