"""A bare buy or sell is an entry only when nothing speaks for a cover; close-and-reverse commands are reversals."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from alerts.understand import UnreadableAlert, understand
from domain.signal import NewSignal, Position, SellAlone, Source
from tests.unit.alerts.covering_orders import COVERS, LABELS, REVERSALS, SENTENCES, Meaning
from tests.unit.alerts.other_formats import CLOSES_LONG, CLOSES_SHORT, LONG, SHORT
from tests.unit.alerts.test_formats import SOURCE


def read_meaning(message: str, source: Source = SOURCE) -> Meaning:
    """Return direction and action that a message about BTCUSDT asks for, None when it is refused."""
    [result] = understand(message.encode(), source)
    if isinstance(result, UnreadableAlert):
        assert all(text for texts in result.errors.values() for text in texts)
        return None
    assert result.symbol == "BTCUSDT"
    return result.direction.value, result.action.value


@pytest.mark.parametrize(("message", "meaning"), COVERS)
def test_positions_decide_whether_an_order_opens_or_covers(message: str, meaning: Meaning) -> None:
    assert read_meaning(message) == meaning


@pytest.mark.parametrize("field", ["comment", "order_id", "strategy_order_comment", "message", "order_name"])
@pytest.mark.parametrize(("label", "meaning"), LABELS)
def test_a_label_that_names_a_close_makes_a_bare_buy_no_entry(label: str, meaning: Meaning, field: str) -> None:
    message = json.dumps({"ticker": "BTCUSDT", "action": "buy", "price": "500", field: label})

    asked = read_meaning(message)

    assert asked == meaning or (meaning == CLOSES_SHORT and asked is None)


@pytest.mark.parametrize(("label", "meaning"), LABELS)
def test_a_comment_that_names_a_close_is_an_exit_where_it_agrees(label: str, meaning: Meaning) -> None:
    assert read_meaning(json.dumps({"ticker": "BTCUSDT", "action": "buy", "comment": label})) == meaning


def test_a_position_after_the_order_is_more_certain_than_its_label() -> None:
    order = {"ticker": "BTCUSDT", "action": "buy", "market_position": "long", "comment": "Close entry(s) order Short"}

    assert read_meaning(json.dumps(order)) == LONG


@pytest.mark.parametrize("label", ["EOD Close", "Long closed", "Exit Long"])
def test_a_bare_sell_with_such_a_label_closes_a_long_whatever_the_source_says_of_sells(label: str) -> None:
    message = json.dumps({"ticker": "BTCUSDT", "action": "sell", "comment": label})

    assert read_meaning(message) == CLOSES_LONG
    assert read_meaning(message, replace(SOURCE, sell_alone=SellAlone.SHORT)) == CLOSES_LONG


def test_the_sources_meaning_of_a_sell_does_not_decide_against_the_position() -> None:
    shorts, exits = replace(SOURCE, sell_alone=SellAlone.SHORT), replace(SOURCE, sell_alone=SellAlone.EXIT)
    from_long = '{"ticker":"BTCUSDT","action":"sell","prev_market_position":"long"}'

    assert read_meaning(from_long, shorts) is None
    assert read_meaning(from_long, exits) == CLOSES_LONG
    assert read_meaning('{"ticker":"BTCUSDT","action":"sell","position_size":"5"}', shorts) is None


def test_the_error_names_the_field_that_speaks_for_a_close_and_the_cure() -> None:
    [result] = understand(b'{"ticker":"BTCUSDT","action":"buy","comment":"Time Stop"}', SOURCE)

    assert isinstance(result, UnreadableAlert)
    [error] = result.errors["action"]
    assert error.startswith("comment names a close or a stop")
    assert "exit_short" in error


@pytest.mark.parametrize("sentence", SENTENCES, ids=range(len(SENTENCES)))
@pytest.mark.parametrize(
    ("order", "position", "meaning"),
    [
        ("buy", "1", LONG),
        ("buy", "0", CLOSES_SHORT),
        ("sell", "-1", SHORT),
        ("sell", "0", CLOSES_LONG),
        ("sell", "2001", None),
        ("buy", "-2.5", None),
    ],
)
def test_tradingviews_sentence_is_read_in_any_language(
    sentence: str, order: str, position: str, meaning: Meaning
) -> None:
    text = sentence.format(order=order, position=position)

    assert read_meaning(text) == meaning
    assert read_meaning(json.dumps({"text": text})) == meaning


@pytest.mark.parametrize("sentence", SENTENCES, ids=range(len(SENTENCES)))
@pytest.mark.parametrize("field", ["text", "message", "comment", "description", "raw", "any_name"])
def test_a_sentence_beside_the_order_tells_the_position_after_it(sentence: str, field: str) -> None:
    flat, long = (sentence.format(order="buy", position=position) for position in ("0", "1"))
    order = {"ticker": "BTCUSDT", "action": "buy"}

    assert read_meaning(json.dumps(order | {field: flat})) == CLOSES_SHORT
    assert read_meaning(json.dumps(order | {field: f"Signal:\n{flat}\nhttps://chart.example"})) == CLOSES_SHORT
    assert read_meaning(json.dumps(order | {field: long})) == LONG
    assert read_meaning(json.dumps(order | {field: long, "market_position": "flat"})) is None
    assert read_meaning(json.dumps(order | {"action": "sell", field: long})) is None


def test_the_sentence_in_the_text_of_a_bots_message_counts() -> None:
    trade = {"side": "buy", "symbol": "BTCUSDT", "quantity": "1"}
    text = "My strat (1): order buy @ 1 filled on BTCUSDT. New strategy position is 0"

    assert read_meaning(json.dumps({"message": {"text": text, "type": "tr_view", "trade": trade}})) == CLOSES_SHORT


@pytest.mark.parametrize(
    "text",
    [
        "New strategy position is 0",
        "Новая позиция стратегии 0",
        "Neue Strategieposition ist 0",
        "La nueva posición de la estrategia es 0.",
        "新策略仓位0",
        "新しいストラテジーポジションは 0 です",
        "المركز الجديد للاستراتيجية هو 0",
    ],
)
def test_a_sentence_of_the_position_alone_counts(text: str) -> None:
    [result] = understand(json.dumps({"ticker": "BTCUSDT", "action": "buy", "comment": text}).encode(), SOURCE)

    assert isinstance(result, NewSignal)
    assert (result.direction.value, result.action.value, result.position_after) == (*CLOSES_SHORT, Position.FLAT)


def test_a_sentence_about_another_symbol_is_refused() -> None:
    text = "My strat (1): order buy @ 1 filled on ETHUSDT. New strategy position is 1"

    assert read_meaning(json.dumps({"ticker": "BTCUSDT", "action": "buy", "text": text})) is None


@pytest.mark.parametrize(
    "text",
    [
        "My strat (1): order buy @ 1 filled on BTCUSDT. New strategy position is 1 cancelled",
        "My strat (1): order buy @ 1 filled on BTCUSDT. New strategy position is 1\nnot for us",
        "do not buy @ 5 BTCUSDT, tp 6",
        "long BTCUSDT buy @ 5, tp 6",
        "buy @ 1 BTCUSDT or ETHUSDT, position 1",
    ],
)
def test_other_texts_with_an_order_and_numbers_are_not_read_as_the_sentence(text: str) -> None:
    [result] = understand(text.encode(), SOURCE)

    assert isinstance(result, UnreadableAlert)


@pytest.mark.parametrize(("message", "meaning"), REVERSALS)
def test_a_command_that_closes_and_reverses_is_an_entry_of_the_other_side(message: str, meaning: Meaning) -> None:
    assert read_meaning(message) == meaning


@pytest.mark.parametrize("meaning", [LONG, SHORT])
def test_a_reversal_says_nothing_of_the_position_it_does_not_state(meaning: tuple[str, str]) -> None:
    command = "closeshortbuy" if meaning == LONG else "closelongsell"

    [signal] = understand(f"60123456,{command},BTCUSDT".encode(), SOURCE)

    assert isinstance(signal, NewSignal)
    assert (signal.position_before, signal.position_after) == (None, None)
