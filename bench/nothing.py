"""Tasks that do nothing, on a worker set up as the product's own: what Celery alone costs on this machine.

`python -m bench.nothing` is that worker. It is no part of the product: no process of `up` knows these tasks.
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
TOLD = "bench-told"
NOTHING = "bench.nothing"
TELL = "bench.tell"


def make(settings: Settings) -> Celery:
    """Return an app with the product's configuration, one queue of its own, and two tasks."""
    app = Celery("bench", set_as_current=False)
    app.conf.update(configuration.build_configuration(settings))
    app.conf.task_queues = [Queue(QUEUE)]  # type: ignore[no-untyped-call]
    app.conf.task_default_queue = QUEUE
    client = Redis.from_url(settings.redis_url or "")

    def nothing() -> None:
        """Do nothing."""

    def tell(*, name: str) -> None:
        """Say in Redis that this task ran."""
        client.lpush(TOLD, name)

    def configure_logging(**_: Any) -> None:
        logs.configure(settings)

    app.task(name=NOTHING)(nothing)
    app.task(name=TELL)(tell)
    setup_logging.connect(configure_logging, weak=False)
    return app


if __name__ == "__main__":
    make(settings_module.load()).start(argv=sys.argv[1:])
