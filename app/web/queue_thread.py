"""A thread in the background with a bounded queue: what is put in while it works is handled next, together."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class QueueFull(RuntimeError):
    """As much is waiting as may wait."""


class Background(Generic[T]):
    """Handles what is put in on one daemon thread, in order, up to `batch` at a time.

    The thread starts with the first item, hence in the process that uses it. `handle` must not raise.
    """

    def __init__(self, name: str, handle: Callable[[list[T]], None], *, waiting: int, batch: int = 1) -> None:
        self._name = name
        self._handle = handle
        self._batch = batch
        self._items: queue.Queue[T | None] = queue.Queue(waiting)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, item: T) -> None:
        """Queue one item; never waits.

        Raises:
            QueueFull: when as much is waiting as may wait.
        """
        self._start()
        try:
            self._items.put_nowait(item)
        except queue.Full:
            raise QueueFull(self._name) from None

    def close(self, *, within_s: float = 2.0) -> None:
        """Handle what is waiting and end the thread, as far as that takes no longer than `within_s`."""
        if self._thread is None:
            return
        try:
            self._items.put(None, timeout=within_s)
        except queue.Full:
            return
        self._thread.join(within_s)

    def _start(self) -> None:
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        ended = False
        while not ended:
            taken = self._take()
            ended = None in taken
            items = [item for item in taken if item is not None]
            if items:
                self._handle(items)

    def _take(self) -> list[T | None]:
        """Wait for one item, then take all that is waiting, up to a batch."""
        taken = [self._items.get()]
        while len(taken) < self._batch and taken[-1] is not None:
            try:
                taken.append(self._items.get_nowait())
            except queue.Empty:
                break
        return taken
