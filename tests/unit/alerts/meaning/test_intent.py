from __future__ import annotations

import itertools

import pytest

from alerts.meaning import intent
from alerts.meaning.intent import IntentUnclear
from alerts.vocabulary import words
from alerts.vocabulary.words import Command, ParsedWords, PositionEffect, WordsContradict
from domain.signal import Direction, Position, SellAlone

LONG, SHORT = Direction.LONG, Direction.SHORT


@pytest.mark.parametrize(
    ("written", "instruction"),
    [
        ("buy", ParsedWords(command=Command.BUY)),
        ("SELL", ParsedWords(command=Command.SELL)),
        ("Long", ParsedWords(side=LONG)),
        ("bearish", ParsedWords(side=SHORT)),
        ("enter_long", ParsedWords(effect=PositionEffect.OPEN, side=LONG)),
        ("exit-short", ParsedWords(effect=PositionEffect.CLOSE, side=SHORT)),
        ("closeLong", ParsedWords(effect=PositionEffect.CLOSE, side=LONG)),
        ("CLOSE POSITION", ParsedWords(effect=PositionEffect.CLOSE)),
        ("sell_short", ParsedWords(side=SHORT, command=Command.SELL)),
        ("sell to open", ParsedWords(effect=PositionEffect.OPEN, command=Command.SELL)),
        ("sell_to_close", ParsedWords(effect=PositionEffect.CLOSE, side=LONG, command=Command.SELL)),
        ("buy to cover", ParsedWords(effect=PositionEffect.CLOSE, side=SHORT, command=Command.BUY)),
        ("cover", ParsedWords(effect=PositionEffect.CLOSE, side=SHORT)),
        ("strong buy", ParsedWords(command=Command.BUY)),
        ("flat", ParsedWords(effect=PositionEffect.CLOSE)),
    ],
)
def test_words_are_read_in_any_spelling(written: str, instruction: ParsedWords) -> None:
    assert words.parse(written) == instruction


@pytest.mark.parametrize("written", ["", "cancel", "hold", "don't buy", "buyer", "position", "wait"])
def test_other_words_are_no_instruction(written: str) -> None:
    assert words.parse(written) is None


def test_a_phrase_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(WordsContradict):
        words.parse("buy sell")


@pytest.mark.parametrize(
    ("written", "side"),
    [("BULLISH_EXPANSION", LONG), ("phase down", SHORT), ("bull vs bear", None), ("bulletin", None)],
)
def test_a_remark_counts_when_it_names_one_side(written: str, side: Direction | None) -> None:
    assert words.parse_side(written) is side


def decide(word: str, before: str = "", after: str = "", sell_alone: SellAlone | None = None) -> str:
    """Return `direction action`, or `unclear`."""
    instruction = (words.parse(word) or ParsedWords()) if word else ParsedWords()
    try:
        decided = intent.decide(
            instruction,
            before=Position(before) if before else None,
            after=Position(after) if after else None,
            sell_alone=sell_alone,
        )
    except IntentUnclear:
        return "unclear"
    return f"{decided.direction.value} {decided.action.value}"


@pytest.mark.parametrize(
    ("word", "before", "after", "expected"),
    [
        ("buy", "", "", "long entry"),
        ("long", "", "", "long entry"),
        ("short", "", "", "short entry"),
        ("sell", "", "", "unclear"),
        ("sell to open", "", "", "short entry"),
        ("exit", "", "", "unclear"),
        ("exit long", "", "", "long exit"),
        ("open", "", "", "unclear"),
        ("", "", "", "unclear"),
        ("sell", "flat", "", "short entry"),
        ("sell", "long", "", "unclear"),
        ("exit", "short", "", "short exit"),
        ("sell", "long", "flat", "long exit"),
        ("buy", "short", "flat", "short exit"),
        ("buy", "long", "flat", "unclear"),
        ("", "long", "flat", "long exit"),
        ("", "flat", "flat", "unclear"),
        ("sell", "long", "short", "short entry"),
        ("sell", "flat", "short", "short entry"),
        ("sell", "short", "short", "short entry"),
        ("sell", "long", "long", "unclear"),
        ("buy", "", "short", "unclear"),
        ("", "long", "long", "unclear"),
        ("", "flat", "long", "long entry"),
        ("sell", "", "short", "short entry"),
        ("sell", "", "flat", "long exit"),
        ("buy", "", "flat", "short exit"),
        ("exit", "", "long", "long exit"),
        ("exit", "long", "flat", "long exit"),
        ("exit", "", "flat", "unclear"),
        ("exit long", "", "flat", "long exit"),
        ("add", "", "long", "long entry"),
        ("long", "", "short", "unclear"),
    ],
)
def test_words_and_positions_decide_together(word: str, before: str, after: str, expected: str) -> None:
    assert decide(word, before, after) == expected


def test_a_bare_sell_means_what_the_source_says() -> None:
    assert decide("sell", sell_alone=SellAlone.EXIT) == "long exit"
    assert decide("sell", sell_alone=SellAlone.SHORT) == "short entry"


def test_a_position_is_stronger_than_the_sources_setting() -> None:
    assert decide("sell", "long", "short", SellAlone.EXIT) == "short entry"
    assert decide("sell", "long", "flat", SellAlone.SHORT) == "long exit"


def test_a_position_after_the_order_treats_long_and_short_alike() -> None:
    swap = {"long": "short", "short": "long", "buy": "sell", "sell": "buy", "flat": "flat", "": "", "exit": "exit"}
    cases = itertools.product(("buy", "sell", "long", "short", "exit", ""), ("", "long", "short", "flat"))

    for word, before in cases:
        for after in ("long", "short", "flat"):
            mirrored = decide(swap[word], swap[before], swap[after])
            side, _, action = mirrored.partition(" ")
            assert decide(word, before, after) == (f"{swap[side]} {action}" if action else mirrored)
