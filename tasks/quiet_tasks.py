"""Tasks of beat that mostly find nothing to do: Flower shows those that did something or failed, and no others."""

from __future__ import annotations

import time
from typing import Any

from celery import Task
from celery.worker.request import Request

_IDLE = repr(None)


class QuietRequest(Request):  # type: ignore[misc]
    """Holds a task's events back until its end, and sends none when the task returned None."""

    def send_event(self, type: str, **fields: Any) -> None:  # noqa: A002 - the name of Celery's parameter
        """Send the event of an end with those before it; drop that of an end at which nothing had been done."""
        is_idle = type == "task-succeeded" and fields.get("result") == _IDLE
        if type == "task-started" or is_idle or not (self._eventer and self._eventer.enabled):
            return
        at = self.time_start or time.time()
        self._eventer.send("task-received", uuid=self.id, timestamp=at, **self._describe())
        self._eventer.send("task-started", uuid=self.id, timestamp=at)
        self._eventer.send(type, uuid=self.id, **fields)

    def _describe(self) -> dict[str, Any]:
        """Return the fields with which Celery announces a task."""
        return {
            "name": self.name,
            "args": self.argsrepr,
            "kwargs": self.kwargsrepr,
            "root_id": self.root_id,
            "parent_id": self.parent_id,
            "retries": 0,
            "eta": None,
            "expires": None,
        }


class QuietTask(Task):  # type: ignore[misc]
    """Base of periodic tasks, which return None when there was nothing to do and a short count otherwise."""

    abstract = True
    Request = "tasks.quiet_tasks:QuietRequest"
    send_events = False
