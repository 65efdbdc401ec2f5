from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.comparison import integrity, naive, srm, verdict
from domain.comparison.integrity import ComparisonHealth
from domain.comparison.verdict import Status
from domain.decision import EngineSlot
from domain.study import ExitClock
from tests.support.builders.study_records import NO_TRADE, A, B, a_record, a_side, an_assignment, an_ending, an_entry

SYNC = ExitClock.SYNCHRONIZED
SOUND = ComparisonHealth(srm_p=1.0, hash_mismatches=0, context_mismatches=0, unresolved=0)


def evidence_in_closed_form(n_a: int, n_b: int, *, share_of_a: float, kappa: float) -> float:
    """Return E of Lindon & Malek for counts, by log-gamma."""
    counts = ((n_a, share_of_a), (n_b, 1 - share_of_a))
    log_e = math.lgamma(kappa) - math.lgamma(kappa + n_a + n_b)
    for count, share in counts:
        log_e += math.lgamma(kappa * share + count) - math.lgamma(kappa * share) - count * math.log(share)
    return math.exp(log_e)


def test_entries_whose_trades_met_a_jump_in_prices_are_counted_and_named_by_the_verdict() -> None:
    ended, denied = a_side(an_ending(3, reason="price_jump")), a_side(replace(NO_TRADE, exit_reason="price_jump"))
    record = a_record([an_entry(ended, number=1), an_entry(b=denied, number=2), an_entry(number=3)])

    health = integrity.check_integrity(record, clock=SYNC)

    assert health.price_jumps == 2
    assert (
        "2 entries met a jump in prices"
        in verdict.conclude(naive.compute_interval([], alpha=a_record().study.alpha), health, pairs=3, traded=3).text
    )


def test_the_stepwise_evidence_is_the_closed_form() -> None:
    draws = [A, B, B, A, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B]
    seen = dict.fromkeys(EngineSlot, 0)
    log_e = 0.0
    for total, variant in enumerate(draws):
        intended = 0.8 if variant is A else 1 - 0.8
        log_e += srm.compute_log_evidence(intended, seen=seen[variant], total=total, kappa=200)
        seen[variant] += 1

    assert math.exp(log_e) == pytest.approx(evidence_in_closed_form(2, 18, share_of_a=0.8, kappa=200), rel=1e-9)


def test_the_steps_give_the_published_evidence() -> None:
    draws = [(0.4, 0), (0.4, 0), (0.4, 1), (0.4, 1), (0.2, 0)]

    # The published prior is flat over three arms, whatever is intended: it is ours for thirds, set against `intended`.
    log_e = sum(
        srm.compute_log_evidence(1 / 3, seen=seen, total=total, kappa=3) + math.log(1 / 3) - math.log(intended)
        for total, (intended, seen) in enumerate(draws)
    )

    assert log_e == pytest.approx(-1.17111897945, abs=1e-9)


def test_a_balanced_sequence_raises_no_alarm() -> None:
    assert srm.compute_balance_p([(A if n % 2 else B, 0.5) for n in range(2000)]) == 1.0


def test_an_unbalanced_sequence_raises_an_alarm_that_stays() -> None:
    drift = [(A if n % 10 < 7 else B, 0.5) for n in range(1000)]
    back = [(B, 0.5)] * 400

    alarm = srm.compute_balance_p(drift)

    assert alarm < srm.ALARM_BELOW
    assert srm.compute_balance_p(drift + back) <= alarm


def test_a_split_that_was_changed_is_no_alarm() -> None:
    first = [(A if n % 2 else B, 0.5) for n in range(400)]
    second = [(A if n % 10 else B, 0.9) for n in range(400)]

    assert srm.compute_balance_p(first + second) > 0.01


def test_a_draw_that_could_not_happen_is_an_alarm() -> None:
    assert srm.compute_balance_p([(A, 1.0), (B, 1.0)]) == 0.0


def test_nothing_drawn_is_no_alarm() -> None:
    assert srm.compute_balance_p([]) == 1.0


def test_a_sound_study_has_no_mismatch() -> None:
    record = a_record([an_entry(number=n) for n in range(20)])

    health = integrity.check_integrity(record, clock=SYNC)

    assert replace(health, srm_p=1.0) == SOUND
    assert health.srm_p > 0.5


def test_each_field_of_an_assignment_is_recomputed() -> None:
    sound = an_assignment(1)
    spoiled = [
        replace(sound, assignment_hash="0" * 64),
        replace(sound, bucket_ppm=(sound.bucket_ppm + 1) % 1_000_000),
        replace(sound, variant=sound.variant.other),
        replace(sound, first_asked=sound.first_asked.other),
    ]
    entries = [replace(an_entry(), assignment=assignment) for assignment in [sound, *spoiled]]

    assert integrity.check_integrity(a_record(entries), clock=SYNC).hash_mismatches == 4


def test_another_signal_hash_is_a_mismatch() -> None:
    entry = replace(an_entry(), signal_hash="another")

    assert integrity.check_integrity(a_record([entry]), clock=SYNC).hash_mismatches == 1


def test_an_assignment_without_a_hash_to_draw_from_is_a_mismatch() -> None:
    assert not integrity.is_assignment_reproducible(an_assignment(1), salt="", signal_hash="hash 1")


def test_a_decision_on_another_snapshot_is_a_mismatch() -> None:
    entry = an_entry(b=a_side(context_hash="another"))

    assert integrity.check_integrity(a_record([entry]), clock=SYNC).context_mismatches == 1


def test_unresolved_counts_open_sides_and_signals_without_an_experiment() -> None:
    entries = [an_entry(a_side(None)), an_entry(a_side(an_ending(1)), number=2)]

    assert integrity.check_integrity(a_record(entries, unassigned=3), clock=SYNC).unresolved == 4


@pytest.mark.parametrize(("sign", "leader"), [(1, "engine B is ahead"), (-1, "engine A is ahead")])
def test_the_verdict_is_not_yet_and_names_who_is_ahead(sign: int, leader: str) -> None:
    interval = naive.NaiveInterval(estimate=0.01 * sign, low=0.005, high=0.02, note=None)

    conclusion = verdict.conclude(interval, SOUND, pairs=40, traded=30)

    assert conclusion.status is Status.NOT_YET
    assert leader in conclusion.text
    assert "one look only" in conclusion.text


def test_the_verdict_says_that_nothing_has_ended() -> None:
    interval = naive.compute_interval([], alpha=a_record().study.alpha)

    assert "no entry signal has ended" in verdict.conclude(interval, SOUND, pairs=0, traded=0).text


def test_the_verdict_complains_about_unsound_data() -> None:
    unsound = ComparisonHealth(srm_p=0.0, hash_mismatches=2, context_mismatches=1, unresolved=0)
    interval = naive.NaiveInterval(estimate=0.0, low=None, high=None, note=naive.NO_VARIATION)

    text = verdict.conclude(interval, unsound, pairs=3, traded=3).text

    assert "2 assignments do not recompute" in text
    assert "1 entries were decided on differing snapshots" in text
    assert "out of balance" in text


def test_engines_that_never_traded_are_not_called_level() -> None:
    interval = naive.compute_interval([Decimal(0)] * 5, alpha=a_record().study.alpha)

    text = verdict.conclude(interval, SOUND, pairs=5, traded=0).text

    assert "neither engine traded on any of 5 pairs" in text
    assert "level" not in text


@pytest.mark.parametrize(("p", "alarm"), [(0.0, True), (0.00099, True), (0.001, False), (0.5, False), (1.0, False)])
def test_the_verdict_warns_of_the_balance_below_one_in_a_thousand(p: float, *, alarm: bool) -> None:
    interval = naive.compute_interval([], alpha=a_record().study.alpha)

    text = verdict.conclude(interval, replace(SOUND, srm_p=p), pairs=0, traded=0).text

    assert ("out of balance" in text) is alarm
