"""Signatures over questions and answers of remote engines: HMAC-SHA256 under a shared secret."""

from __future__ import annotations

import hashlib
import hmac

TIMESTAMP = "X-Orchestrator-Timestamp"
SIGNATURE = "X-Orchestrator-Signature"


def question(secret: str, *, timestamp: str, body: bytes) -> str:
    """Sign a question: hex of HMAC-SHA256 over `question.<timestamp>.<body>`."""
    return _hex(secret, b"question." + timestamp.encode() + b"." + body)


def answer(secret: str, *, asked: str, body: bytes) -> str:
    """Sign the answer to the question whose signature is `asked`: over `answer.<asked>.<body>`.

    An answer is bound to its question, so that a recorded one cannot be given again.
    """
    return _hex(secret, b"answer." + asked.encode() + b"." + body)


def is_same(given: str, expected: str) -> bool:
    """Compare two signatures in constant time; `given` may be any text."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _hex(secret: str, message: bytes) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
