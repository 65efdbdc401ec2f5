"""What an answer to a submission means for its order: unclear is never failed."""

from __future__ import annotations

import pytest

from venues.answers import Answered, Codes, Outcome, code_in, outcome_of
from venues.ccxt_dialects import dialect

BINANCE = dialect("binance").codes
ALPACA = Codes(duplicate=frozenset({"40010001"}), duplicate_words="unique", all_reject=True)
OKX = dialect("okx").codes
DUPLICATE_AT_OKX = '{"code":"1","data":[{"sCode":"51016","sMsg":"Duplicated client order ID"}]}'


def answered(status: int, body: str, kind: str = "") -> Answered:
    return Answered(status=status, body=body, code=code_in(body, "code", "message"), kind=kind)


@pytest.mark.parametrize(
    ("codes", "answer", "expected"),
    [
        (BINANCE, answered(400, '{"code":-2010,"msg":"Duplicate order sent."}'), Outcome.DUPLICATE),
        (BINANCE, answered(400, '{"code":-2010,"msg":"Account has insufficient balance."}'), Outcome.REJECTED),
        (BINANCE, answered(400, '{"code":-1013,"msg":"Filter failure: LOT_SIZE"}'), Outcome.REJECTED),
        (BINANCE, answered(400, '{"code":-1121,"msg":"Invalid symbol."}'), Outcome.REJECTED),
        (BINANCE, answered(400, '{"code":-1021,"msg":"Timestamp is outside of the recvWindow."}'), Outcome.NOT_TAKEN),
        (BINANCE, answered(429, '{"code":-1003,"msg":"Too many requests."}'), Outcome.NOT_TAKEN),
        (BINANCE, answered(418, ""), Outcome.NOT_TAKEN),
        (BINANCE, answered(400, '{"code":-1006,"msg":"Execution status unknown."}'), Outcome.UNKNOWN),
        (BINANCE, answered(400, '{"code":-1007,"msg":"Send status unknown."}'), Outcome.UNKNOWN),
        (BINANCE, answered(503, '{"code":-1008,"msg":"Overloaded."}'), Outcome.UNKNOWN),
        (BINANCE, answered(504, "<html>"), Outcome.UNKNOWN),
        (BINANCE, answered(403, "<html>forbidden by a firewall</html>"), Outcome.UNKNOWN),
        (BINANCE, answered(408, '{"code":-2010,"msg":"a proxy\'s words"}'), Outcome.UNKNOWN),
        (ALPACA, answered(422, '{"code":40010001,"message":"client_order_id must be unique"}'), Outcome.DUPLICATE),
        (ALPACA, answered(422, '{"code":40010001,"message":"request body format is invalid"}'), Outcome.REJECTED),
        (ALPACA, answered(403, '{"code":40310000,"message":"insufficient buying power"}'), Outcome.REJECTED),
        (ALPACA, answered(403, '{"message":"forbidden."}'), Outcome.REJECTED),
        (ALPACA, answered(429, '{"message":"too many requests."}'), Outcome.NOT_TAKEN),
        (ALPACA, answered(500, '{"code":50010000,"message":"internal server error"}'), Outcome.UNKNOWN),
        (OKX, answered(200, DUPLICATE_AT_OKX, "InvalidOrder"), Outcome.DUPLICATE),
        (OKX, answered(200, '{"code":"51008"}', "InsufficientFunds"), Outcome.REJECTED),
        (OKX, answered(200, '{"code":"50001"}', "ExchangeNotAvailable"), Outcome.UNKNOWN),
        (Codes(), answered(400, '{"code":"7"}', "DuplicateOrderId"), Outcome.DUPLICATE),
        (Codes(), answered(400, '{"code":"7"}', "ExchangeError"), Outcome.UNKNOWN),
    ],
)
def test_an_answer_is_classified(codes: Codes, answer: Answered, expected: Outcome) -> None:
    assert outcome_of(answer, codes) is expected


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
@pytest.mark.parametrize("codes", [BINANCE, ALPACA, OKX, Codes()])
def test_no_error_of_a_server_ever_rejects(status: int, codes: Codes) -> None:
    body = '{"code":-2010,"msg":"Duplicate order sent, insufficient, unique 51016"}'

    assert outcome_of(answered(status, body, "InvalidOrder"), codes) is Outcome.UNKNOWN


def test_only_a_json_object_has_a_code() -> None:
    assert code_in('{"code": -2010}', "code") == "-2010"
    assert code_in('{"message": "no"}', "code", "message") == "no"
    assert [code_in(body, "code") for body in ("", "[1]", "<html>", "{}", '"code"')] == [None] * 5


def test_a_long_answer_is_shown_short() -> None:
    assert len(str(answered(400, "x" * 10_000))) < 400
