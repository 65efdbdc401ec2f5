"""However an alert is wrapped and spelled, it asks for the same; taken back, it asks for nothing (property 39)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.understand import understand
from domain.signal import Action, Direction, NewSignal
from tests.property.test_dialects import Wanted, wishes
from tests.unit.alerts.test_formats import SOURCE

Spelling = Callable[[str], str]

# Keys are written in parts, so that they can be spelled in any way.
FORMS: list[Callable[[Wanted], dict[str, Any]]] = [
    lambda one: {"symbol": one.symbol, "action": one.words, "price": str(one.price), "time frame": "1h"},
    lambda one: {
        "ticker": one.symbol,
        "order action": one.order,
        "entry price": str(one.price),
        "prev market position": one.before,
        "market position": one.after,
        "interval": "60",
    },
    lambda one: {
        "trading symbol": one.symbol,
        "side": one.order,
        "pos side": one.direction.value,
        "order price": str(one.price),
    },
    lambda one: {
        "inst id": one.symbol,
        "order side": one.order.upper(),
        "trigger price": str(one.price),
        "reduce only": one.action is Action.EXIT,
        "sentiment": one.after,
    },
]
SPELLINGS: list[Spelling] = [
    lambda key: key.replace(" ", "_"),
    lambda key: key.replace(" ", "-"),
    lambda key: key.replace(" ", "_").upper(),
    lambda key: key.replace(" ", "."),
    lambda key: key.title().replace(" ", ""),
    lambda key: key[0] + key.title().replace(" ", "")[1:],
]
WRAPPINGS: list[Callable[[dict[str, Any]], dict[str, Any]]] = [
    lambda said: {"data": said},
    lambda said: {"payload": said, "version": 2},
    lambda said: {"webhook": {"content": said}},
    lambda said: {"alerts": [said]},
    lambda said: {"message": json.dumps(said)},
    lambda said: {"from": "chart", "alert": {"message": json.dumps(said)}},
    lambda said: {"embeds": [{"fields": [{"name": name, "value": value} for name, value in said.items()]}]},
]
UNRELATED: Mapping[str, Any] = {
    "account": "demo",
    "rsi": 55.2,
    "leverage": "5",
    "stop_loss": "0.0001",
    "take_profit": 1e6,
    "user": "me",
    "version": 2,
    "indicators": {"ema": 3, "side": "above"},
    "note": "crossed the upper band",
    "sl": {"type": "percent"},
    "tags": ["breakout"],
    "exchange": "BINANCE",
    "source": "close",
    "qty": 3,
}


def asked(message: str) -> list[tuple[object, ...]]:
    """Return what each signal of a message asks for; refused parts give nothing."""
    return [
        (one.symbol, one.direction, one.action, one.price, one.timeframe)
        for one in understand(message.encode(), SOURCE)
        if isinstance(one, NewSignal)
    ]


@pytest.mark.property_id(39)
@given(
    wanted=wishes,
    form=st.sampled_from(FORMS),
    spelling=st.sampled_from(SPELLINGS),
    wrap=st.one_of(st.none(), st.sampled_from(WRAPPINGS)),
    beside=st.sets(st.sampled_from(sorted(UNRELATED))),
)
def test_spelling_wrapping_and_unrelated_fields_do_not_change_what_is_asked_for(
    wanted: Wanted,
    form: Callable[[Wanted], dict[str, Any]],
    spelling: Spelling,
    wrap: Callable[[dict[str, Any]], dict[str, Any]] | None,
    beside: set[str],
) -> None:
    plain = {name.replace(" ", "_"): value for name, value in form(wanted).items()}
    spelled = {spelling(name): value for name, value in form(wanted).items()}
    spelled |= {name: UNRELATED[name] for name in beside if name not in spelled}

    [meant] = asked(json.dumps(plain))

    assert meant[:4] == (wanted.symbol, wanted.direction, wanted.action, wanted.price)
    assert asked(json.dumps(wrap(spelled) if wrap is not None else spelled)) == [meant]


@pytest.mark.property_id(39)
@given(wanted=wishes, form=st.sampled_from(FORMS))
def test_values_written_as_texts_ask_for_the_same(wanted: Wanted, form: Callable[[Wanted], dict[str, Any]]) -> None:
    said = {name.replace(" ", "_"): value for name, value in form(wanted).items()}
    texts = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in said.items()}

    [meant] = asked(json.dumps(said))

    assert asked(json.dumps(texts)) == [meant]
    assert asked("\n".join(f"{name}={value}" for name, value in texts.items())) == [meant]
    assert asked("|".join(f"{name}: {value}" for name, value in texts.items())) == [meant]


TAKEN_BACK: list[tuple[str, Any]] = [
    ("cancel", True),
    ("cancelled", "true"),
    ("status", "Cancelled"),
    ("order_status", "REJECTED"),
    ("op", "cancel"),
    ("event", "order.cancelled"),
    ("command", "CANCELALL"),
    ("signal", "do not trade"),
    ("note", "please do not enter"),
    ("comment", "Don't take this one"),
    ("message", "never mind, cancel this"),
    ("type", "entry_cancel"),
    ("decision", "no trade"),
    ("title", "Order cancelled"),
    ("tags", ["cancelled"]),
    ("stage", "cancelled"),
    ("meta", {"status": "cancelled"}),
    ("partial", True),
    ("is_entry", False),
    ("closed", True),
]


@pytest.mark.property_id(39)
@given(
    wanted=wishes,
    form=st.sampled_from(FORMS),
    spelling=st.sampled_from(SPELLINGS),
    wrap=st.one_of(st.none(), st.sampled_from(WRAPPINGS[:6])),
    said=st.sampled_from(TAKEN_BACK),
)
def test_what_is_taken_back_is_never_an_entry(
    wanted: Wanted,
    form: Callable[[Wanted], dict[str, Any]],
    spelling: Spelling,
    wrap: Callable[[dict[str, Any]], dict[str, Any]] | None,
    said: tuple[str, Any],
) -> None:
    name, value = said
    message = {spelling(key): one for key, one in form(wanted).items()} | {spelling(name.replace("_", " ")): value}

    found = asked(json.dumps(wrap(message) if wrap is not None else message))

    assert [one for one in found if one[2] is Action.ENTRY] == []


@pytest.mark.property_id(39)
@given(
    wanted=wishes,
    before=st.sampled_from(["do not", "don't", "never", "cancel", "no", "cancelled:", "stop", "closed", "TP1 hit", ""]),
    behind=st.sampled_from(["cancelled", "not now", "TP1 hit", "stopped out", "closed", "?", "partial"]),
    direction=st.sampled_from(Direction),
)
def test_a_text_with_a_word_that_turns_it_is_never_an_entry(
    wanted: Wanted, before: str, behind: str, direction: Direction
) -> None:
    said = f"{direction.value} {wanted.symbol}"

    texts = [f"{said} {behind}", f"{before or 'no'} {said}", f"{before} {said} {behind}", f"{said}\nStatus: {behind}"]

    assert [one for text in texts for one in asked(text) if one[2] is Action.ENTRY] == []
