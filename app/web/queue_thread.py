"""A background thread with a bounded queue, which handles the items that have come in meanwhile as one batch."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class QueueFull(RuntimeError):
    """The queue holds as many items as it may."""


class QueueThread(Generic[T]):
    """Handles queued items on one daemon thread, in order, up to `batch` at a time.

    The thread starts with the first item, so it runs in the process that uses it, not in the one that forked it.
    `handle` must not raise.
    """

    def __init__(self, name: str, handle: Callable[[list[T]], None], *, capacity: int, batch: int = 1) -> None:
        self._name = name
        self._handle = handle
        self._batch = batch
        self._items: queue.Queue[T | None] = queue.Queue(capacity)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, item: T) -> None:
        """Queue one item; never waits.

        Raises:
            QueueFull: when the queue holds `capacity` items.
        """
        self._start()
        try:
            self._items.put_nowait(item)
        except queue.Full:
            raise QueueFull(self._name) from None

    def close(self, *, within_s: float = 2.0) -> None:
        """Handle the queued items and stop the thread; give up waiting after `within_s`."""
        if self._thread is None:
            return
        try:
            self._items.put(None, timeout=within_s)
        except queue.Full:
            return
        self._thread.join(within_s)

    def _start(self) -> None:
        """Start the thread unless it runs."""
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        """Handle batches until None is queued."""
        ended = False
        while not ended:
            taken = self._take_batch()
            ended = None in taken
            items = [item for item in taken if item is not None]
            if items:
                self._handle(items)

    def _take_batch(self) -> list[T | None]:
        """Wait for one item, then take the others that are queued, up to a batch; None among them ends the thread."""
        taken = [self._items.get()]
        while len(taken) < self._batch and taken[-1] is not None:
            try:
                taken.append(self._items.get_nowait())
            except queue.Empty:
                break
        return taken
