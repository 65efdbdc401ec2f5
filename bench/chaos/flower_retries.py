"""Retries from Flower: tasks that it has seen are sent again as they were, whatever has become of them since."""

from __future__ import annotations

import ast
import base64
import json
import urllib.request
from contextlib import suppress
from random import Random
from typing import Any

LOGIN = "admin:a password for rehearsals"
_SEEN, _SENT = 200, 5
_ANSWER_WITHIN_S = 3.0


def retry_tasks(flower_url: str, *, pick: float) -> bool:
    """Send some tasks again that Flower shows, chosen by `pick`; return False when there were none or it is away."""
    with suppress(OSError, ValueError):
        seen = list(_ask(flower_url, f"/api/tasks?limit={_SEEN}").values())
        random = Random(pick)  # noqa: S311 - repeatable chances, not secrets
        chosen = random.sample(seen, k=min(_SENT, len(seen)))
        for task in chosen:
            _ask(flower_url, f"/api/task/async-apply/{task['name']}", _read_arguments(task))
        return bool(chosen)
    return False


def _read_arguments(task: dict[str, Any]) -> dict[str, Any]:
    """Return a task's arguments from Flower's representation of them."""
    return {
        "args": list(ast.literal_eval(task["args"] or "()")),
        "kwargs": ast.literal_eval(task["kwargs"] or "{}"),
    }


def _ask(flower_url: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return Flower's answer."""
    request = urllib.request.Request(  # noqa: S310 - our own process on a loopback port
        flower_url + path,
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Basic {base64.b64encode(LOGIN.encode()).decode()}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_ANSWER_WITHIN_S) as answer:  # nosec B310 # noqa: S310 - likewise
        document: dict[str, Any] = json.load(answer)
        return document
