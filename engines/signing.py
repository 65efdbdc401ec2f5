"""Signatures over questions and answers of remote engines: HMAC-SHA256 under a shared secret."""

from __future__ import annotations

import hashlib
import hmac

TIMESTAMP = "X-Orchestrator-Timestamp"
SIGNATURE = "X-Orchestrator-Signature"


def sign_question(secret: str, *, timestamp: str, body: bytes) -> str:
    """Sign a question: hex of HMAC-SHA256 over `question.<timestamp>.<body>`."""
    return _hmac_hex(secret, b"question." + timestamp.encode() + b"." + body)


def sign_answer(secret: str, *, question_signature: str, body: bytes) -> str:
    """Sign the answer to a question: hex of HMAC-SHA256 over `answer.<question signature>.<body>`.

    The question's signature binds the answer to its question, so that a recorded answer cannot be replayed.
    """
    return _hmac_hex(secret, b"answer." + question_signature.encode() + b"." + body)


def signatures_match(received: str, expected: str) -> bool:
    """Compare two signatures in constant time; `received` may be any text."""
    return hmac.compare_digest(received.encode("utf-8", "replace"), expected.encode())


def _hmac_hex(secret: str, message: bytes) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
