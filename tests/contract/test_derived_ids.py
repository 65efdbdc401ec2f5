"""Ids that are derived from content, against vectors that were stored once and are never written again.

An upgrade that derives another id stores an alert a second time, or sends a standing order again under another name.
So no command writes `derived_ids.json`: when a test here fails, the code is wrong, not the file. Cases may be added at
the end of a list, by hand, with a line for a new kind in STORED; none is ever changed or removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from alerts.understand import understand
from db import contexts, decisions, intake, policies
from domain import canonical, experiment, trade
from domain.context import PriceBasis
from domain.decision import EngineSlot
from domain.signal import Instrument, InstrumentKind, NewSignal, SellAlone, Source, signal_id_for
from domain.trade import Clock, Intent
from tests.contract import documents

FILE = Path(__file__).with_name("derived_ids.json")
Given = dict[str, Any]
SOURCE = Source(
    name="desk",
    book="live",
    strategy="",
    timeframe=None,
    exchange="",
    instrument_kind=None,
    sell_alone=SellAlone.EXIT,
    confidence_scale=100,
    max_lag_s=60,
)


def hash_content(given: Given) -> str:
    (signal,) = understand(given["message"].encode(), SOURCE)
    assert isinstance(signal, NewSignal), signal
    return signal.content_hash


def hash_signal(given: Given) -> str:
    return intake.compute_signal_hash(given["content_hash"], source=given["source"], occurrence=given["occurrence"])


def derive_trade_id(given: Given) -> UUID:
    return trade.trade_id_for(
        UUID(given["experiment_id"]), engine=EngineSlot(given["engine"]), is_shadow=given["is_shadow"]
    )


def derive_client_order_id(given: Given) -> str:
    typed = {"trade_id": UUID(given["trade_id"]), "intent": Intent(given["intent"]), "clock": Clock(given["clock"])}
    return trade.client_order_id_for(**given | typed)


def derive_quote_id(given: Given) -> UUID:
    instrument = Instrument(symbol=given["symbol"], exchange=given["exchange"], kind=InstrumentKind(given["kind"]))
    prices = {name: None if given[name] is None else Decimal(given[name]) for name in ("bid", "ask", "last", "rate")}
    return trade.quote_id_for(
        given["book"], instrument, at=datetime.fromisoformat(given["at"]), basis=PriceBasis(given["basis"]), **prices
    )


def draw(given: Given) -> str:
    drawn = experiment.draw(**given | {"purpose": experiment.Purpose(given["purpose"])})
    return f"{drawn.digest} {drawn.bucket_ppm}"


DERIVATIONS: dict[str, Callable[[Given], object]] = {
    "content_hash": hash_content,
    "signal_hash": hash_signal,
    "signal_id": lambda given: signal_id_for(**given),
    "experiment_id": lambda given: trade.experiment_id_for(UUID(given["signal_id"])),
    "context_id": lambda given: contexts.context_id_for(UUID(given["signal_id"])),
    "policy_id": lambda given: policies.policy_id_for(UUID(given["experiment_id"])),
    "decision_id": lambda given: decisions.decision_id_for(UUID(given["experiment_id"]), EngineSlot(given["engine"])),
    "trade_id": derive_trade_id,
    "client_order_id": derive_client_order_id,
    "order_id": lambda given: trade.order_id_for(UUID(given["trade_id"]), given["client_order_id"]),
    "quote_id": derive_quote_id,
    "draw": draw,
    "canonical_digest": lambda given: canonical.digest(given["document"]),
}

# Of each kind, how many cases were stored at first, and the SHA-256 of them as JSON: whoever changes one is found out.
STORED: dict[str, tuple[int, str]] = {
    "content_hash": (7, "60d3483d32f11aa8ffaea8f8ad4ce7844e305c20f6d10266a60cf590038cf714"),
    "signal_hash": (4, "a052eaf4f57bebd5a70c190a497a21c6c0d3492652af295e980df3ff184bdb5e"),
    "signal_id": (4, "a24ff4a60581d87b4ff8b028acc605b5c4e60ac9345eedec1ccf6ee6e7683c04"),
    "experiment_id": (3, "4a5ca94f5cbe6fa2c02a4c1296d9836f73f580d1f664b5f83ca8b85f72f75e53"),
    "context_id": (3, "273e51d7c289bfe8dba7427c548d2ee05e2722c61343720afeac82b7ff9c7d68"),
    "policy_id": (3, "4eadb9ee0cfd30fa219fec5b7ccdd21d1d0e02f3a25f285aa3362c0d5311f79d"),
    "decision_id": (4, "be60dc0c73c3e2f43018430bb3892e1014fa4587250385b86471807ec09672c7"),
    "trade_id": (8, "cc01d19c361fbbcba6df86b12381d088f7c28319612093eee2115baa80a31af5"),
    "client_order_id": (6, "1b00449646e7afae77a1f138d08ba050ba1f11b06a4c8fd3f0b6f1f0a956f9d2"),
    "order_id": (3, "77e8fa2566a19cbf7c70ec44873229843cc7c0dbf2cd66773d17dd34332f512e"),
    "quote_id": (5, "56bb0a071504bcc219c4ed6325d50aacc1c2f1c450d2fe18339f3aa8c29b0df8"),
    "draw": (4, "2aba5d1a96047ffe4a80a067c1b56d306faad61749ed7ccc21de51daba5c7257"),
    "canonical_digest": (4, "b04dfa13b9e1eaccba07e68ffba0e07d78feb48b1a59e008e157ac63fa224305"),
}


def read_cases() -> dict[str, list[dict[str, Any]]]:
    """Return the stored vectors by kind of id."""
    cases: dict[str, list[dict[str, Any]]] = json.loads(FILE.read_text(encoding="utf-8"))
    return cases


@pytest.mark.parametrize(
    ("kind", "case"),
    [(kind, case) for kind, cases in read_cases().items() for case in cases],
    ids=lambda part: str(part)[:60],
)
def test_an_id_is_derived_as_it_always_was(kind: str, case: dict[str, Any]) -> None:
    assert str(DERIVATIONS[kind](case["given"])) == case["derived"]


@pytest.mark.parametrize("kind", STORED)
def test_no_stored_vector_was_changed(kind: str) -> None:
    count, digest = STORED[kind]

    stored = json.dumps(read_cases()[kind][:count], sort_keys=True, separators=(",", ":"))

    assert hashlib.sha256(stored.encode()).hexdigest() == digest, f"vectors are never changed or removed: {kind}"


def test_every_kind_has_vectors_and_no_two_cases_share_an_id() -> None:
    cases = read_cases()

    assert set(cases) == set(STORED) == set(DERIVATIONS)
    for kind, theirs in cases.items():
        assert len({case["derived"] for case in theirs}) == len(theirs) >= 3, kind


def test_no_command_writes_the_vectors_again() -> None:
    assert FILE.stem not in documents.NAMES
    assert FILE.parent != documents.DIRECTORY
    writers = [file.name for file in FILE.parent.glob("*.py") if FILE.name in file.read_text(encoding="utf-8")]
    assert writers == [Path(__file__).name]
