"""An order means what its position and labels say, however it is spelled and whichever side it is on (property 39)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from alerts.understand import understand
from alerts.vocabulary.currencies import STABLE, is_quote
from domain.currencies import FIAT
from domain.signal import Action, NewSignal
from tests.property.test_alert_meanings import FORMS, SPELLINGS, WRAPPINGS, Spelling, asked
from tests.property.test_dialects import Wanted, wishes
from tests.unit.alerts.covering_orders import LABELS, SENTENCES
from tests.unit.alerts.test_formats import SOURCE

Wrapping = Callable[[dict[str, Any]], dict[str, Any]]

CLOSING_LABELS = [label for label, meaning in LABELS if meaning is None or meaning[1] == "exit"]
LABEL_FIELDS = ["comment", "order comment", "order id", "strategy order comment", "message", "label", "signal name"]
OPPOSITE = {"long": "short", "short": "long", "buy": "sell", "sell": "buy"}
wrappings = st.one_of(st.none(), st.sampled_from(WRAPPINGS))


def mirror(text: str) -> str:
    """Return a text with long and short, buy and sell exchanged."""
    return re.sub("long|short|buy|sell", lambda match: OPPOSITE[match.group()], text)


def spell(message: dict[str, Any], spelling: Spelling, wrap: Wrapping | None) -> str:
    spelled = {spelling(name): value for name, value in message.items()}
    return json.dumps(wrap(spelled) if wrap is not None else spelled)


@pytest.mark.property_id(39)
@given(
    wanted=wishes,
    label=st.sampled_from(CLOSING_LABELS),
    field=st.sampled_from(LABEL_FIELDS),
    before=st.sampled_from([None, "flat", "long", "short"]),
    spelling=st.sampled_from(SPELLINGS),
    wrap=wrappings,
)
def test_a_bare_buy_with_a_label_that_names_a_close_is_never_an_entry(
    *, wanted: Wanted, label: str, field: str, before: str | None, spelling: Spelling, wrap: Wrapping | None
) -> None:
    order = {"symbol": wanted.symbol, "action": "buy", field: label}
    if before is not None:
        order["prev market position"] = before

    found = asked(spell(order, spelling, wrap))

    assert [signal for signal in found if signal[2] is Action.ENTRY] == []


@pytest.mark.property_id(39)
@given(
    symbol=st.from_regex(r"[B-DF-HJ-NP-TV-Z]{3,6}USDT", fullmatch=True),
    order=st.sampled_from(["buy", "sell", "long", "short"]),
    label=st.sampled_from([label.lower() for label, _ in LABELS]),
    before=st.sampled_from([None, "flat", "long", "short"]),
    after=st.sampled_from([None, "flat", "long", "short"]),
)
def test_the_mirrored_alert_asks_for_the_mirrored_trade(
    symbol: str, order: str, label: str, before: str | None, after: str | None
) -> None:
    positions = {"prev_market_position": before, "market_position": after}
    alert = {"symbol": symbol, "action": order, "comment": label} | {
        name: value for name, value in positions.items() if value is not None
    }
    # A label of one letter for a side is not mirrored, and a bare sell without a position is ambiguous.
    assume(label not in ("xs", "sx") and not (order in ("buy", "sell") and before in (None, "flat") and after is None))

    plain, mirrored = asked(json.dumps(alert)), asked(mirror(json.dumps(alert)))

    assert [signal[2] for signal in plain] == [signal[2] for signal in mirrored]
    assert [signal[1] for signal in plain] != [signal[1] for signal in mirrored] or not plain


@pytest.mark.property_id(39)
@given(
    wanted=wishes,
    sentence=st.sampled_from(SENTENCES),
    field=st.sampled_from(["text", "message", "comment", "description", "note"]),
    is_wrapped=st.booleans(),
)
def test_the_sentence_in_any_language_tells_the_position_after_the_order(
    wanted: Wanted, sentence: str, field: str, is_wrapped: bool
) -> None:
    text = sentence.format(order=wanted.order, position=wanted.size_after).replace("BTCUSDT", wanted.symbol)
    order = {"symbol": wanted.symbol, "action": wanted.order, field: text}

    found = asked(json.dumps({"data": order} if is_wrapped else order))

    assert [signal[:3] for signal in found] == [(wanted.symbol, wanted.direction, wanted.action)]
    assert [signal[:3] for signal in asked(text)] == [(wanted.symbol, wanted.direction, wanted.action)]


@pytest.mark.property_id(39)
@given(
    wanted=wishes,
    form=st.sampled_from(FORMS),
    spelling=st.sampled_from(SPELLINGS),
    wrap=wrappings,
    beside=st.sampled_from(
        [
            ("option type", "PE"),
            ("option", "put"),
            ("option", {"type": "put"}),
            ("right", "P"),
            ("strike", 24400),
            ("instrument type", "CE"),
            ("comment", "Buy PE"),
            ("type", "entry_fill"),
            ("type", "exit_fill"),
            ("event", "order.filled"),
            ("event type", "executionReport"),
            ("status", "filled"),
        ]
    ),
)
def test_an_order_for_an_option_and_a_report_of_a_fill_are_no_signals(
    wanted: Wanted,
    form: Callable[[Wanted], dict[str, Any]],
    spelling: Spelling,
    wrap: Wrapping | None,
    beside: tuple[str, Any],
) -> None:
    name, value = beside
    assume(not (isinstance(value, dict) and wrap is WRAPPINGS[-1]))

    assert asked(spell(form(wanted) | {name: value}, spelling, wrap)) == []


# A body with a NUL character is refused as a whole.
odd_texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@pytest.mark.property_id(39)
@given(
    wanted=wishes,
    form=st.sampled_from(FORMS),
    price=st.one_of(odd_texts, st.decimals("-1e6", "0", places=2).map(str)),
    time=st.one_of(st.none(), odd_texts),
)
def test_no_price_or_time_keeps_an_exit_from_being_one(
    wanted: Wanted, form: Callable[[Wanted], dict[str, Any]], price: str, time: str | None
) -> None:
    alert = {name.replace(" ", "_"): value for name, value in form(wanted).items()}
    odd = {name: price if "price" in name else value for name, value in alert.items()}

    [plain] = understand(json.dumps(alert).encode(), SOURCE)
    [result] = understand(json.dumps(odd | {"timenow": time}).encode(), SOURCE)

    assert isinstance(plain, NewSignal)
    if plain.action is Action.EXIT:
        assert isinstance(result, NewSignal), result
        assert (result.symbol, result.direction, result.action) == (plain.symbol, plain.direction, plain.action)


@pytest.mark.property_id(39)
@given(
    coin=st.from_regex(r"[B-DF-HJ-NP-TV-Z]{3,6}", fullmatch=True),
    quote=st.sampled_from(sorted(FIAT | STABLE)),
    sign=st.sampled_from("-_"),
)
def test_a_pair_is_the_same_whichever_comes_first(coin: str, quote: str, sign: str) -> None:
    assume(not is_quote(coin) and coin not in ("PERP", "SWAP"))

    pairs = [{"pair": f"{first}{sign}{second}", "side": "long"} for first, second in ((coin, quote), (quote, coin))]

    assert [signal[0] for pair in pairs for signal in asked(json.dumps(pair))] == [coin + quote] * 2


@pytest.mark.property_id(39)
@given(
    wanted=wishes,
    verb=st.sampled_from(["close", "CLOSE", "Close"]),
    link=st.sampled_from(["", " ", "_", " and ", " & ", "-"]),
    opened=st.sampled_from(["buy", "sell", "go long", "go short", "open_long", "enter short"]),
)
def test_closing_one_side_and_opening_one_is_an_entry_of_the_side_that_is_opened(
    wanted: Wanted, verb: str, link: str, opened: str
) -> None:
    command = f"{verb}{link.strip(' &and') or ' '}{wanted.direction.value}{link}{opened}"

    [meant] = asked(json.dumps({"symbol": wanted.symbol, "action": command}))

    opens_long = opened.endswith(("buy", "long"))
    assert (meant[1].value, meant[2]) == ("long" if opens_long else "short", Action.ENTRY)  # type: ignore[attr-defined]
