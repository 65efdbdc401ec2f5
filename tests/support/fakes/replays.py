"""The stack as a replay sees it, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from replay.driver import BookSpec, ReplayBookExists, WebhookResponse


def _accepted(body: bytes) -> WebhookResponse:
    return WebhookResponse(status=200, document={"status": "accepted", "signal_id": f"s-{body.decode()}"})


class FakeGateway:
    """Remembers what it was asked; answers posts from a script, then as accepted."""

    def __init__(self, *replies: WebhookResponse | Exception) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.created: list[BookSpec] = []
        self._replies = list(replies)

    def create(self, spec: BookSpec) -> str:
        if spec in self.created:
            raise ReplayBookExists(spec.identity.book)
        self.created.append(spec)
        self.calls.append(("create", spec.identity.book))
        return "http://localhost/webhook/token"

    def finish_exits(self, until: datetime) -> None:
        self.calls.append(("finish_exits", until))

    def move_cursor(self, to: datetime) -> None:
        self.calls.append(("move_cursor", to))

    def post(self, body: bytes) -> WebhookResponse:
        self.calls.append(("post", body))
        if not self._replies:
            return _accepted(body)
        reply = self._replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def wait_done(self, signal_ids: Sequence[str], deadline_s: float) -> None:
        self.calls.append(("wait_done", tuple(signal_ids)))

    def finish(self, last: datetime) -> None:
        self.calls.append(("finish", last))
