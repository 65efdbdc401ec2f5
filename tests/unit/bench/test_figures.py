"""Quantiles, accounting and the table."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import figures, fresh_stack, text_table
from bench.alert_counts import AlertCounts


@given(values=st.lists(st.floats(0, 1e6), min_size=1), share=st.floats(0.01, 1))
def test_a_quantile_is_a_value_that_at_least_its_share_does_not_exceed(values: list[float], share: float) -> None:
    found = figures.find_quantile(values, share)

    assert found in values
    assert found is not None
    assert sum(one <= found for one in values) >= share * len(values) - 1e-9
    assert sum(one < found for one in values) < share * len(values) + 1e-9


def test_quantiles_of_nothing_are_unknown() -> None:
    assert figures.describe_quantiles([], 0.5, 0.99) == {"p50_ms": None, "p99_ms": None}


@pytest.mark.parametrize(
    ("posted", "acknowledged", "stored", "missing", "twice", "is_exact"),
    [
        (5, 5, 5, 0, 0, True),
        (5, 5, 6, 0, 0, False),
        (5, 5, 5, 1, 0, False),
        (6, 6, 5, 0, 0, False),
        (6, 5, 5, 0, 0, False),
        (5, 5, 5, 0, 1, False),
    ],
)
def test_only_equal_counts_with_nothing_missing_are_exact(
    posted: int, acknowledged: int, stored: int, missing: int, twice: int, *, is_exact: bool
) -> None:
    found = AlertCounts(
        posted=posted,
        acknowledged=acknowledged,
        stored=stored,
        acknowledged_not_stored=missing,
        stored_not_acknowledged=missing,
        new_twice=twice,
    )

    assert found.is_exact is is_exact
    assert found.as_json()["exact"] is is_exact


def test_the_table_shows_every_value_behind_its_name() -> None:
    document = {
        "bench": "x",
        "part": {"a_rate": 1234.5, "deeper": {"count": 7, "is_known": True}, "nothing": {}, "p": None},
    }

    lines = (re.split(r"\s{2,}", line.strip()) for line in text_table.render_table(document).splitlines())

    told = {parts[0]: parts[-1] for parts in lines}
    assert (told["bench"], told["a rate"], told["count"], told["is known"]) == ("x", "1,234.5", "7", "yes")
    assert (told["nothing"], told["p"]) == ("none", "unknown")


def test_the_environment_is_ours_alone_for_the_block_and_the_callers_again_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody/elses")
    monkeypatch.setenv("EXECUTION_MODE", "SHADOW_ONLY")
    monkeypatch.setenv("UNRELATED", "kept")
    before = dict(os.environ)

    with fresh_stack.clean_environment({"DATA_DIR": "/somewhere"}):
        inside = dict(os.environ)

    assert "DATABASE_URL" not in inside
    assert "EXECUTION_MODE" not in inside
    assert (inside["DATA_DIR"], inside["UNRELATED"]) == ("/somewhere", "kept")
    assert dict(os.environ) == before
