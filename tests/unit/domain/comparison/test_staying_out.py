from __future__ import annotations

from dataclasses import replace

from domain.comparison import staying_out
from domain.decision import Verdict
from tests.support.builders.study_records import NO_TRADE, A, B, a_record, a_side, an_ending, an_entry


def test_each_signal_that_an_engine_stayed_out_of_counts_with_its_first_reason() -> None:
    held = replace(a_side(), reasons=("no trend", "late"))
    denied = replace(a_side(replace(NO_TRADE, exit_reason="too_small")), verdict=Verdict.ENTER)
    sides = [held, held, a_side(), denied, a_side(an_ending(5)), a_side(None), replace(a_side(), verdict=None)]
    record = a_record([an_entry(side, number=number) for number, side in enumerate(sides)])

    assert staying_out.count_reasons(record, A) == {
        "hold: no trend": 2,
        "hold: no reason given": 1,
        "denied: too_small": 1,
    }
    assert staying_out.count_reasons(record, B) == {"hold: no reason given": len(sides)}
