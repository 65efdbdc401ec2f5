"""What an answer to a submission means for its order: unclear is never failed."""

from __future__ import annotations

import pytest

from venues.ccxt_dialects import find_dialect
from venues.error_responses import ErrorCodes, ErrorResponse, VenueAnswer, classify_error, read_error_code

BINANCE = find_dialect("binance").codes
ALPACA = ErrorCodes(duplicate=frozenset({"40010001"}), duplicate_words="unique", all_reject=True)
OKX = find_dialect("okx").codes
DUPLICATE_AT_OKX = '{"code":"1","data":[{"sCode":"51016","sMsg":"Duplicated client order ID"}]}'


def answered(status: int, body: str, kind: str = "") -> ErrorResponse:
    return ErrorResponse(status=status, body=body, code=read_error_code(body, "code", "message"), kind=kind)


@pytest.mark.parametrize(
    ("codes", "answer", "expected"),
    [
        (BINANCE, answered(400, '{"code":-2010,"msg":"Duplicate order sent."}'), VenueAnswer.DUPLICATE),
        (BINANCE, answered(400, '{"code":-2010,"msg":"Account has insufficient balance."}'), VenueAnswer.REJECTED),
        (BINANCE, answered(400, '{"code":-1013,"msg":"Filter failure: LOT_SIZE"}'), VenueAnswer.REJECTED),
        (BINANCE, answered(400, '{"code":-1121,"msg":"Invalid symbol."}'), VenueAnswer.REJECTED),
        (
            BINANCE,
            answered(400, '{"code":-1021,"msg":"Timestamp is outside of the recvWindow."}'),
            VenueAnswer.NOT_TAKEN,
        ),
        (BINANCE, answered(429, '{"code":-1003,"msg":"Too many requests."}'), VenueAnswer.NOT_TAKEN),
        (BINANCE, answered(418, ""), VenueAnswer.NOT_TAKEN),
        (BINANCE, answered(400, '{"code":-1006,"msg":"Execution status unknown."}'), VenueAnswer.UNKNOWN),
        (BINANCE, answered(400, '{"code":-1007,"msg":"Send status unknown."}'), VenueAnswer.UNKNOWN),
        (BINANCE, answered(503, '{"code":-1008,"msg":"Overloaded."}'), VenueAnswer.UNKNOWN),
        (BINANCE, answered(504, "<html>"), VenueAnswer.UNKNOWN),
        (BINANCE, answered(403, "<html>forbidden by a firewall</html>"), VenueAnswer.UNKNOWN),
        (BINANCE, answered(408, '{"code":-2010,"msg":"a proxy\'s words"}'), VenueAnswer.UNKNOWN),
        (ALPACA, answered(422, '{"code":40010001,"message":"client_order_id must be unique"}'), VenueAnswer.DUPLICATE),
        (ALPACA, answered(422, '{"code":40010001,"message":"request body format is invalid"}'), VenueAnswer.REJECTED),
        (ALPACA, answered(403, '{"code":40310000,"message":"insufficient buying power"}'), VenueAnswer.REJECTED),
        (ALPACA, answered(403, '{"message":"forbidden."}'), VenueAnswer.REJECTED),
        (ALPACA, answered(429, '{"message":"too many requests."}'), VenueAnswer.NOT_TAKEN),
        (ALPACA, answered(500, '{"code":50010000,"message":"internal server error"}'), VenueAnswer.UNKNOWN),
        (OKX, answered(200, DUPLICATE_AT_OKX, "InvalidOrder"), VenueAnswer.DUPLICATE),
        (OKX, answered(200, '{"code":"51008"}', "InsufficientFunds"), VenueAnswer.REJECTED),
        (OKX, answered(200, '{"code":"50001"}', "ExchangeNotAvailable"), VenueAnswer.UNKNOWN),
        (ErrorCodes(), answered(400, '{"code":"7"}', "DuplicateOrderId"), VenueAnswer.DUPLICATE),
        (ErrorCodes(), answered(400, '{"code":"7"}', "ExchangeError"), VenueAnswer.UNKNOWN),
    ],
)
def test_an_answer_is_classified(codes: ErrorCodes, answer: ErrorResponse, expected: VenueAnswer) -> None:
    assert classify_error(answer, codes) is expected


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
@pytest.mark.parametrize("codes", [BINANCE, ALPACA, OKX, ErrorCodes()])
def test_no_error_of_a_server_ever_rejects(status: int, codes: ErrorCodes) -> None:
    body = '{"code":-2010,"msg":"Duplicate order sent, insufficient, unique 51016"}'

    assert classify_error(answered(status, body, "InvalidOrder"), codes) is VenueAnswer.UNKNOWN


def test_only_a_json_object_has_a_code() -> None:
    assert read_error_code('{"code": -2010}', "code") == "-2010"
    assert read_error_code('{"message": "no"}', "code", "message") == "no"
    assert [read_error_code(body, "code") for body in ("", "[1]", "<html>", "{}", '"code"')] == [None] * 5


def test_a_long_answer_is_shown_short() -> None:
    assert len(str(answered(400, "x" * 10_000))) < 400
