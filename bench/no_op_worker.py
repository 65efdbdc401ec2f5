"""A worker for tasks that do nothing, set up as the product's workers: it shows the cost of Celery alone.

`python -m bench.no_op_worker` runs it. It is no part of the product: no process of `up` has these tasks.
"""

from __future__ import annotations

import sys
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from kombu.entity import Queue
from redis import Redis

from config import celery as configuration
from config import logging as logs
from config import settings as settings_module
from config.settings import Settings

QUEUE = "bench"
REPLY_LIST = "bench-replies"
NO_OP_TASK = "bench.no_op"
REPLYING_TASK = "bench.reply"


def make_app(settings: Settings) -> Celery:
    """Make a Celery app with the product's configuration, one queue of its own, and two tasks."""
    app = Celery("bench", set_as_current=False)
    app.conf.update(configuration.build_configuration(settings))
    app.conf.task_queues = [Queue(QUEUE)]  # type: ignore[no-untyped-call]
    app.conf.task_default_queue = QUEUE
    client = Redis.from_url(settings.redis_url or "")

    def do_nothing() -> None:
        """Do nothing."""

    def push_reply(*, name: str) -> None:
        """Push the name to a Redis list, which shows that this task ran."""
        client.lpush(REPLY_LIST, name)

    def configure_logging(**_: Any) -> None:
        logs.configure(settings)

    app.task(name=NO_OP_TASK)(do_nothing)
    app.task(name=REPLYING_TASK)(push_reply)
    setup_logging.connect(configure_logging, weak=False)
    return app


if __name__ == "__main__":
    make_app(settings_module.load()).start(argv=sys.argv[1:])
