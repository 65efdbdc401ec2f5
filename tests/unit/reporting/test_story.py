from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn

from db.queries.traces import Trace
from reporting import signal_trace

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
FOREIGN = {"confidence": ["a", "b"], "fraction": "1/2", "plan": {"latency_ms": None}, "nested": [{"return_ratio": "x"}]}


def a_trace(**tables: Any) -> Trace:
    empty: dict[str, Any] = dict.fromkeys(("context", "experiment", "policy", "exit_result"))
    lists: dict[str, Any] = {name: [] for name in ("decisions", "orders", "trades", "outcomes", "failures", "stages")}
    return Trace(**empty | lists | {"signal": {}} | tables)


def refuse_constant(name: str) -> NoReturn:
    raise AssertionError(f"{name} is no JSON")


def test_money_is_text_and_the_ratios_among_our_own_columns_are_numbers() -> None:
    plan = {"stop": "95", "targets": [{"price": "110", "fraction": "0.5"}], "trailing": None}
    trace = a_trace(
        signal={"price": Decimal("1.50"), "confidence": Decimal(80), "received_at": NOON},
        experiment={"split_percentage": Decimal("0.5"), "reference_notional": Decimal(10_000)},
        decisions=[{"confidence": None, "latency_ms": Decimal("1.5"), "plan": plan}, {"plan": None}],
        orders=[{"fraction": Decimal(1), "quantity": Decimal("0.10"), "fills": [{"price": Decimal(2)}]}],
        trades=[{"plan": plan}],
        outcomes=[{"return_ratio": Decimal("-0.02"), "pnl": Decimal("-200.0")}],
    )

    document = signal_trace.build_trace_document(trace)

    shown_plan = plan | {"targets": [{"price": "110", "fraction": 0.5}]}
    assert document["signal"] == {"price": "1.5", "confidence": 80.0, "received_at": "2026-03-04T12:00:00.000000Z"}
    assert document["experiment"] == {"split_percentage": 0.5, "reference_notional": "10000"}
    assert document["decisions"] == [{"confidence": None, "latency_ms": 1.5, "plan": shown_plan}, {"plan": None}]
    assert document["orders"] == [{"fraction": 1.0, "quantity": "0.1", "fills": [{"price": "2"}]}]
    assert document["trades"] == [{"plan": shown_plan}]
    assert document["outcomes"] == [{"return_ratio": -0.02, "pnl": "-200"}]


def test_documents_of_senders_and_engines_are_shown_as_they_are_whatever_their_fields_are_called() -> None:
    trace = a_trace(signal={"raw_payload": FOREIGN, "read_from": FOREIGN}, decisions=[{"rationale": FOREIGN}])

    document = signal_trace.build_trace_document(trace)

    assert document["signal"] == {"raw_payload": FOREIGN, "read_from": FOREIGN}
    assert document["decisions"] == [{"rationale": FOREIGN}]


def test_a_number_beyond_the_range_of_floats_leaves_the_document_json() -> None:
    document = signal_trace.build_trace_document(a_trace(signal={"raw_payload": {"size": float("inf")}}))

    assert json.loads(json.dumps(document), parse_constant=refuse_constant)["signal"]["raw_payload"] == {"size": "inf"}
