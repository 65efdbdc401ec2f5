"""Engines over HTTP: what is asked and answered, and every way to fail, against a real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from config.values import Secret
from domain.decision import Decision, EngineSlot, Verdict
from engines import signing, wire
from engines.answers import validate_answer
from engines.breaker import COOLDOWN_S, MAX_FAILURES
from engines.committee import CommitteeEngine
from engines.engine_questions import Questions
from engines.panel import Panel
from engines.question_round import GRACE_S
from engines.remote import RemoteEngine, parse_reply
from engines.rules import RulesEngine
from tests.support.builders.engine_inputs import a_context, a_signal
from tests.support.servers.remote_engine import LOCAL, PATIENCE_S, REASONS, SECRET, SHORT_S, EngineServer, a_server, ask

A, B = EngineSlot.A, EngineSlot.B
SHARED = replace(LOCAL, secret=Secret(hidden=SECRET))


@pytest.fixture(scope="module")
def server() -> Iterator[EngineServer]:
    """Give a server that misbehaves on request and does not sign."""
    with a_server() as one:
        yield one


@pytest.fixture(scope="module")
def signing_server() -> Iterator[EngineServer]:
    """Give a server that signs."""
    with a_server(secret=SECRET) as one:
        yield one


def build_questions(*strategies: str) -> Questions:
    return [(a_signal(strategy=strategy), a_context(), A) for strategy in strategies]


def committee_decision() -> Decision:
    return CommitteeEngine().decide(a_signal(), a_context())


def test_it_answers_as_the_engine_would_here_and_its_version_is_kept(server: EngineServer) -> None:
    decision = ask(RemoteEngine(server.url, LOCAL))

    assert decision == replace(
        committee_decision(), rationale={**committee_decision().rationale, "engine_version": "r7"}
    )
    assert decision.verdict is Verdict.ENTER


def test_its_name_is_the_url_without_the_query_and_its_version_a_hash_of_all_of_it() -> None:
    first, second = (RemoteEngine(f"https://b.example.org/decide?model={name}", LOCAL) for name in "xy")

    assert first.name == second.name == "https://b.example.org/decide"
    assert len(first.version) == len(second.version) == 12
    assert first.version != second.version


def test_its_url_may_declare_the_latency_of_replays_which_is_part_of_the_version_and_never_sent(
    server: EngineServer,
) -> None:
    plain, slow = RemoteEngine(server.url, LOCAL), RemoteEngine(f"{server.url}#latency=2.5", LOCAL)

    assert (plain.latency_s, slow.latency_s) == (Decimal("0.5"), Decimal("2.5"))
    assert plain.name == slow.name
    assert plain.version != slow.version
    assert ask(slow).verdict is Verdict.ENTER


@pytest.mark.parametrize("latency", ["", "soon", "-1", "60.1", "NaN", "1e1"])
def test_a_latency_that_is_no_number_of_seconds_is_refused(latency: str) -> None:
    with pytest.raises(ValueError, match="seconds from 0 to 60"):
        RemoteEngine(f"https://b.example.org/decide#latency={latency}", LOCAL)


@pytest.mark.parametrize("deed", [one for one, reason in REASONS.items() if reason != "engine_bad_signature"])
def test_each_kind_of_failure_has_its_reason_and_the_next_question_is_answered(server: EngineServer, deed: str) -> None:
    engine = RemoteEngine(server.url, LOCAL)
    times_out = REASONS[deed] == "engine_timeout"
    started_at = time.monotonic()

    decision = ask(engine, deed, limit_s=SHORT_S if times_out else PATIENCE_S)

    assert (decision.verdict, decision.reasons) == (Verdict.ERROR, (REASONS[deed],))
    assert decision.error
    assert time.monotonic() - started_at < PATIENCE_S / 2
    assert ask(engine).verdict is Verdict.ENTER


def test_a_redirect_is_not_followed(server: EngineServer) -> None:
    decision = ask(RemoteEngine(server.url, LOCAL), "redirect")

    assert decision.error == "HTTP status 302; redirects are not followed"
    assert server.asked["followed"] == 0


def test_without_a_secret_nothing_is_signed(server: EngineServer) -> None:
    ask(RemoteEngine(server.url, LOCAL))

    assert "x-orchestrator-signature" not in server.headers[-1]
    assert server.headers[-1]["host"] == server.host


def test_with_a_secret_both_sides_sign(signing_server: EngineServer) -> None:
    decision = ask(RemoteEngine(signing_server.url, SHARED))

    assert decision.verdict is Verdict.ENTER
    assert len(signing_server.headers[-1]["x-orchestrator-signature"]) == 64


def test_the_lines_in_the_documents_verify_a_question_and_sign_its_answer() -> None:
    shown: dict[str, Any] = {}
    text = (Path(__file__).parents[3] / "docs" / "engines.md").read_text(encoding="utf-8")
    exec(text.partition("```python\n")[2].partition("```")[0], shown)
    shown["SECRET"] = SECRET.encode()
    body = wire.encode_line(wire.EngineQuestion(signal=a_signal(), context=a_context()))
    timestamp = str(int(time.time()))
    asked = signing.sign_question(SECRET, timestamp=timestamp, body=body)
    headers = {signing.TIMESTAMP: timestamp, signing.SIGNATURE: asked}

    reply, signed = shown["answer"](headers, body)

    assert signed == {signing.SIGNATURE: signing.sign_answer(SECRET, question_signature=asked, body=reply)}
    assert parse_reply(reply).version == "1.4"
    with pytest.raises(PermissionError):
        shown["answer"](headers, body + b" ")


def test_the_answers_in_the_documents_are_valid() -> None:
    text = (Path(__file__).parents[3] / "docs" / "engines.md").read_text(encoding="utf-8")
    shown = next(one for one in text.split("```json\n") if '"verdict"' in one).partition("```")[0]
    enter, _, hold = shown.partition('\n{"decision"')
    context = a_context(current_price=Decimal(38000))

    decisions = [parse_reply(text.encode()).decision for text in (enter, '{"decision"' + hold)]

    assert [validate_answer(decision, context).verdict for decision in decisions] == [Verdict.ENTER, Verdict.HOLD]


@pytest.mark.parametrize("deed", ["forged", "repeated"])
def test_an_answer_signed_wrongly_or_for_another_question_is_refused(signing_server: EngineServer, deed: str) -> None:
    assert ask(RemoteEngine(signing_server.url, SHARED), deed).reasons == ("engine_bad_signature",)


def test_an_unsigned_answer_is_refused_and_another_secret_does_not_get_in(
    server: EngineServer, signing_server: EngineServer
) -> None:
    other = replace(SHARED, secret=Secret(hidden="another secret altogether"))

    unsigned = ask(RemoteEngine(server.url, SHARED))
    stranger = ask(RemoteEngine(signing_server.url, other))

    assert unsigned.reasons == ("engine_bad_signature",)
    assert (stranger.reasons, stranger.error) == (("engine_http_status",), "HTTP status 401")


def test_a_batch_is_asked_eight_at_a_time(server: EngineServer) -> None:
    panel = Panel({A: RulesEngine(), B: RemoteEngine(server.url, LOCAL)})

    answers = panel.decide_all(build_questions(*["together"] * 16))

    assert {b.decision.verdict for _, b in answers} == {Verdict.ENTER}


@pytest.mark.parametrize("unwell", EngineSlot)
@pytest.mark.parametrize("deed", ["hang", "drip_body"])
def test_a_remote_engine_that_never_answers_costs_the_deadline_and_only_its_own_answers(
    server: EngineServer, unwell: EngineSlot, deed: str
) -> None:
    with a_server() as sick:
        sick.deed = deed
        engines = {unwell: RemoteEngine(sick.url, LOCAL), unwell.other: RemoteEngine(server.url, LOCAL)}
        panel = Panel(engines, deadlines_s={unwell: 1.0, unwell.other: PATIENCE_S})
        started_at = time.monotonic()
        answers = panel.decide_all(build_questions(*[""] * 4))
        took_s = time.monotonic() - started_at

    by_slot = dict(zip(EngineSlot, zip(*answers, strict=True), strict=True))
    assert [answer.decision.verdict for answer in by_slot[unwell.other]] == [Verdict.ENTER] * 4
    assert [one.decision.reasons for one in by_slot[unwell]] == [("engine_timeout",)] * 4
    assert took_s < 1.0 + GRACE_S + PATIENCE_S / 4


def test_one_question_that_hangs_leaves_time_for_the_others(server: EngineServer) -> None:
    panel = Panel({A: RulesEngine(), B: RemoteEngine(server.url, LOCAL, concurrency=1)}, deadlines_s={B: 2.0})

    answers = panel.decide_all(build_questions("hang", "", "slow"))

    assert [b.decision.verdict for _, b in answers] == [Verdict.ERROR, Verdict.ENTER, Verdict.ENTER]


def test_failures_in_a_row_open_the_breaker_and_after_its_rest_an_answer_closes_it(server: EngineServer) -> None:
    now = [0.0]
    panel = Panel({A: RulesEngine(), B: RemoteEngine(server.url, LOCAL)}, clock=lambda: now[0])
    panel.decide_all(build_questions(*["status_500"] * MAX_FAILURES))
    before = server.asked["well"]

    resting = panel.available
    ((_, unasked),) = panel.decide_all(build_questions("well"))
    untouched = server.asked["well"] == before
    now[0] = COOLDOWN_S
    panel.decide_all(build_questions("status_500"))
    still_unwell = panel.available
    now[0] = 2 * COOLDOWN_S
    ((_, answered),) = panel.decide_all(build_questions("well"))

    assert resting == still_unwell == {A}
    assert (unasked.decision.reasons, untouched) == (("engine_unavailable",), True)
    assert answered.decision.verdict is Verdict.ENTER
    assert panel.available == {A, B}
