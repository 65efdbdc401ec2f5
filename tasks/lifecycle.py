"""Start and stop of worker and beat processes: imports before the fork, wiring after it, and a bounded shutdown."""

from __future__ import annotations

import gc
import os
import signal
import threading
from types import FrameType
from typing import Any

import structlog
from celery import current_app
from celery.signals import beat_init, worker_init, worker_process_init, worker_shutting_down

from tasks.base_task import parts_of, settings_of
from venues import loader as venue_loader

LAST_WORDS_S = 5.0
log = structlog.get_logger()


def import_before_the_fork(*, sender: Any, **_: Any) -> None:
    """Import slow libraries once in the parent, so that a child that replaces a dead one can work at once.

    Objects loaded by then stay for good; frozen, they are not walked by the collector nor copied by the children.
    """
    settings = settings_of(sender.app)
    venue_loader.preload(broker=settings.broker, market_data=settings.market_data)
    gc.freeze()


def make_parts_after_the_fork(**_: Any) -> None:
    """Wire the parts before the first task comes, so that its time limit covers its own work only."""
    parts_of(current_app)


def kill_worker_after_grace(**_: Any) -> None:
    """Allow a shutdown as long as the longest task may take, then kill the worker with its children.

    A parent that stops reads no more from its children, and waits for each of them: one that is still writing a long
    report to it would never end, nor would the parent.
    """
    within_s = settings_of(current_app).dispatch_limits.hard_s + LAST_WORDS_S
    timer = threading.Timer(within_s, _kill_worker)
    timer.daemon = True
    timer.start()


def exit_beat_after_grace(**_: Any) -> None:
    """Make SIGTERM end beat after some seconds at the latest: RabbitMQ may not answer when beat disconnects."""
    stop = signal.getsignal(signal.SIGTERM)

    def end(signum: int, frame: FrameType | None) -> None:
        """Start the timer that ends this process, then stop as the previous handler does."""
        timer = threading.Timer(LAST_WORDS_S, _exit_beat)
        timer.daemon = True
        timer.start()
        if callable(stop):
            stop(signum, frame)

    signal.signal(signal.SIGTERM, end)


def _exit_beat() -> None:
    """End this process at once, without cleaning up."""
    log.warning("beat.did_not_end")
    os._exit(0)


def _kill_worker() -> None:
    """Kill this process, with its process group when it leads one."""
    log.error("worker.did_not_end")
    if os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


worker_init.connect(import_before_the_fork, weak=False)
worker_process_init.connect(make_parts_after_the_fork, weak=False)
worker_shutting_down.connect(kill_worker_after_grace, weak=False)
beat_init.connect(exit_beat_after_grace, weak=False)
