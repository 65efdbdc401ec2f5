"""A message in quarantine is described by its form and the words we know; nothing is shown that might be a secret."""

from __future__ import annotations

import pytest

from operations import explain_message
from tests.support.builders.quarantine import a_quarantined_event
from tests.unit.alerts.test_formats import SOURCE

CANARY = "CANARY4711"
MESSAGES_WITH_A_SECRET = [
    f'{{"passphrase":"{CANARY}","ticker":"BTCUSDT","action":"hold"}}',
    f"{CANARY},buylimit,EURUSD",
    f"{CANARY}|waves|hold|BTCUSDT",
    f"buy {CANARY} now or never",
    f'{{"{CANARY}":1,"action":"hold"}}',
]


@pytest.mark.parametrize("body", MESSAGES_WITH_A_SECRET)
def test_nothing_is_shown_of_what_may_be_a_secret(body: str) -> None:
    document = explain_message.document(a_quarantined_event(body), SOURCE)

    assert CANARY not in str(document)


def test_the_form_and_the_words_that_are_known_are_shown() -> None:
    body = '{"ticker": "BTCUSDT", "action": "buy", "comment": "a "quote""'

    document = explain_message.document(a_quarantined_event(body), SOURCE)

    assert document["body"] == '{"ticker": "·······", "action": "buy", "comment": "· "·····""'


def test_the_symbol_and_the_price_of_a_refused_part_are_named_and_can_be_hidden() -> None:
    event = a_quarantined_event('[{"ticker":"BTCUSDT","action":"hold","price":"5"},{"ticker":"A","action":"buy"}]')

    document = explain_message.document(event, SOURCE)
    hidden = explain_message.hide_contents(document)

    refused, read = document["today"]
    assert (refused["symbol"], refused["price"]) == ("BTCUSDT", "5")
    assert hidden["today"] == [{"errors": refused["errors"]}, read]
    assert explain_message.name_contents(event, SOURCE) == [
        {"symbol": "BTCUSDT", "price": "5"},
        {"symbol": "A", "price": None},
    ]
