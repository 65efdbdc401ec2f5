"""Exceptions that a venue's client raises, and the meaning of a venue's error responses for orders."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum

_MAX_TEXT_LENGTH = 300
TOO_MANY_REQUESTS = frozenset({418, 429})
SERVER_ERROR = 500
TIMED_OUT = 408
_REJECTING = frozenset(
    {
        "InsufficientFunds",
        "InvalidOrder",
        "BadSymbol",
        "BadRequest",
        "ArgumentsRequired",
        "AuthenticationError",
        "PermissionDenied",
        "AccountSuspended",
        "AccountNotEnabled",
        "MarketClosed",
        "OperationRejected",
        "OrderImmediatelyFillable",
        "OrderNotFillable",
        "ContractUnavailable",
        "RestrictedLocation",
    }
)


class RequestNotSent(Exception):
    """The request was certainly not sent."""


class InvalidRequest(Exception):
    """The client library refused to send the request, and would refuse it again."""


class ErrorResponse(Exception):
    """The venue answered with an error: its HTTP `status`, its `body`, and the venue's own `code` where it gave one.

    `kind` is the name of the exception class that the client library has for the response, if any.
    """

    def __init__(self, *, status: int, body: str, code: str | None = None, kind: str = "") -> None:
        super().__init__(f"{status} {body[:_MAX_TEXT_LENGTH]}".strip())
        self.status, self.body, self.code, self.kind = status, body, code, kind

    @property
    def is_temporary(self) -> bool:
        """True when the same request may succeed later: it was rate-limited, or the venue failed with a 5xx."""
        return self.status in TOO_MANY_REQUESTS or self.status >= SERVER_ERROR


class VenueAnswer(Enum):
    """Meaning of an error response for the order it answers: NOT_TAKEN may be sent again, UNKNOWN may have arrived."""

    REJECTED = "rejected"
    NOT_TAKEN = "not_taken"
    DUPLICATE = "duplicate"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCodes:
    """A venue's error codes that decide what an error response means for an order.

    `duplicate`: the client order id exists already; where the code has other meanings too, only with the text
    `duplicate_words`. `not_taken`: refused before it was processed. `unclear`: the venue itself does not know.
    `all_reject`: any other code of a 4xx is a rejection; else only those that the client library classes as one.
    """

    duplicate: frozenset[str] = frozenset()
    duplicate_words: str = ""
    not_taken: frozenset[str] = frozenset()
    unclear: frozenset[str] = frozenset()
    all_reject: bool = False


def classify_error(response: ErrorResponse, codes: ErrorCodes) -> VenueAnswer:
    """Return what an error response to a submitted order means; whatever is not certain is UNKNOWN.

    Only a response in the venue's own form (with a code) can reject an order: others may come from a proxy.
    """
    if response.status in TOO_MANY_REQUESTS or response.code in codes.not_taken:
        return VenueAnswer.NOT_TAKEN
    if response.status >= SERVER_ERROR or response.status == TIMED_OUT or response.code is None:
        return VenueAnswer.UNKNOWN
    if response.code in codes.unclear:
        return VenueAnswer.UNKNOWN
    if _is_duplicate(response, codes):
        return VenueAnswer.DUPLICATE
    return VenueAnswer.REJECTED if codes.all_reject or response.kind in _REJECTING else VenueAnswer.UNKNOWN


def _is_duplicate(response: ErrorResponse, codes: ErrorCodes) -> bool:
    """Return whether an error response says that the order's client id was used before."""
    if response.kind == "DuplicateOrderId":
        return True
    has_code = response.code in codes.duplicate or any(f'"{code}"' in response.body for code in codes.duplicate)
    return has_code and codes.duplicate_words in response.body.lower()


def read_error_code(body: str, *names: str) -> str | None:
    """Return the first of the named members that a JSON object has, as text; None when it has none."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    return next((str(document[name]) for name in names if document.get(name) is not None), None)
