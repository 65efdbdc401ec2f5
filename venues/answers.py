"""What a venue's client may raise, and what follows for an order from an answer that is no success."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum

_SHOWN = 300
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


class NotSent(Exception):
    """The request was certainly not put on the wire."""


class Impossible(Exception):
    """The client library refused to put the request on the wire, and always will."""


class Answered(Exception):
    """The venue answered with an error: `status` of HTTP, `code` of the venue where it gave one, and its words.

    `kind` is what the client library takes the answer for, where it has a name for it.
    """

    def __init__(self, *, status: int, body: str, code: str | None = None, kind: str = "") -> None:
        super().__init__(f"{status} {body[:_SHOWN]}".strip())
        self.status, self.body, self.code, self.kind = status, body, code, kind

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed later: throttled, or the venue has trouble of its own."""
        return self.status in TOO_MANY_REQUESTS or self.status >= SERVER_ERROR


class Outcome(Enum):
    """What an answer that is no success means for the order it answers."""

    REJECTED = "rejected"
    NOT_TAKEN = "not_taken"
    DUPLICATE = "duplicate"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """The error codes of a venue that need to be told apart.

    `duplicate`: the client id is known (only when the answer has `duplicate_words` too, where the code means more).
    `not_taken`: refused before it was looked at. `unclear`: the venue itself does not know. `all_reject`: any other
    code of a 4xx is a rejection; else only what the client library names as one is.
    """

    duplicate: frozenset[str] = frozenset()
    duplicate_words: str = ""
    not_taken: frozenset[str] = frozenset()
    unclear: frozenset[str] = frozenset()
    all_reject: bool = False


def outcome_of(answer: Answered, codes: Codes) -> Outcome:
    """Classify the answer to a submission; what is not certain is unknown.

    Only an answer in the venue's own form (with a code) can reject an order: anything else may come from between.
    """
    if answer.status in TOO_MANY_REQUESTS or answer.code in codes.not_taken:
        return Outcome.NOT_TAKEN
    if answer.status >= SERVER_ERROR or answer.status == TIMED_OUT or answer.code is None:
        return Outcome.UNKNOWN
    if answer.code in codes.unclear:
        return Outcome.UNKNOWN
    if _is_duplicate(answer, codes):
        return Outcome.DUPLICATE
    return Outcome.REJECTED if codes.all_reject or answer.kind in _REJECTING else Outcome.UNKNOWN


def _is_duplicate(answer: Answered, codes: Codes) -> bool:
    if answer.kind == "DuplicateOrderId":
        return True
    is_named = answer.code in codes.duplicate or any(f'"{one}"' in answer.body for one in codes.duplicate)
    return is_named and codes.duplicate_words in answer.body.lower()


def code_in(body: str, *names: str) -> str | None:
    """Return the first of the named members of a JSON object that is there, as text; None when there is none."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    return next((str(document[name]) for name in names if document.get(name) is not None), None)
