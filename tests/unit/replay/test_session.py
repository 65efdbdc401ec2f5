"""A whole replay against a fake stack: what its user reads."""

from __future__ import annotations

import io
from typing import Any

from domain.decision import EngineSlot
from domain.policy import ExecutionMode
from replay import session
from replay.driver import RefusedAlert, ReplaySummary, WebhookResponse
from replay.identity import ReplayTerms, derive_identity
from replay.schedule import build_schedule
from tests.support.builders.replays import a_bar_file, an_alert, an_alert_file
from tests.support.fakes.replays import FakeGateway

_TERMS = ReplayTerms(
    engines={EngineSlot.A: "rules@1", EngineSlot.B: "committee@1"},
    mode=ExecutionMode.ENGINE_A_PRIMARY,
    split_ppm=500_000,
    fill_model="fm1",
)


def _summary(**changes: Any) -> ReplaySummary:
    given: dict[str, Any] = {
        "book": "replay:0123456789ab",
        "alerts": 3,
        "accepted": 3,
        "duplicates": 0,
        "refused": (),
        "outside": 0,
    }
    return ReplaySummary(**given | changes)


def test_a_replay_writes_to_the_book_its_input_names_and_tells_what_it_left_out() -> None:
    scheduled = build_schedule([a_bar_file()], an_alert_file(an_alert(after_h=1), an_alert(after_h=11)))
    gateway, stream = FakeGateway(), io.StringIO()

    summary = session.perform_replay(scheduled, gateway, terms=_TERMS, study="mine", stream=stream)

    assert gateway.created[0].identity == derive_identity(scheduled, _TERMS)
    assert gateway.created[0].study == "mine"
    assert (summary.alerts, summary.outside) == (1, 1)
    assert "warning: 1 of 2 alerts are left out" in stream.getvalue()
    assert f"{summary.book}: 1 alerts sent, 1 accepted, 0 duplicates, 0 refused" in stream.getvalue()


def test_refused_alerts_are_shown_with_line_and_reason() -> None:
    scheduled = build_schedule([a_bar_file()], an_alert_file(an_alert(line=4)))
    refusal = WebhookResponse(status=422, document={"errors": {"direction": ["is missing"]}})
    stream = io.StringIO()

    session.perform_replay(scheduled, FakeGateway(refusal), terms=_TERMS, study=None, stream=stream)

    assert "  line 4: HTTP 422 direction: ['is missing']\n" in stream.getvalue()


def test_many_refusals_are_shown_by_a_few_and_a_count() -> None:
    refused = tuple(RefusedAlert(line=line, status=422, errors={"price": ["x"]}) for line in range(2, 10))

    lines = session.summary_lines(_summary(refused=refused))

    assert len(lines) == 7
    assert lines[-1] == "  and 3 more; see: orchestrator signals quarantine"


def test_the_json_summary_counts_refusals_by_field() -> None:
    refused = (
        RefusedAlert(line=2, status=422, errors={"price": ["x"], "direction": ["y"]}),
        RefusedAlert(line=3, status=422, errors={"price": ["x"]}),
    )

    document = session.build_summary_document(_summary(refused=refused))

    assert document["refused"] == 2
    assert document["refused_fields"] == {"direction": 1, "price": 2}
