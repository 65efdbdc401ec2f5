"""Forked children, a few side by side, each of which tries one mutant within its limits of time."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import NoReturn

from tests.mutation.mutants import Mutant

NOTICED, SURVIVED, NOT_PUT_IN = 0, 10, 11
# The time of a child is counted in CPU seconds, so that a busy machine kills no mutant; one that waits is ended by the
# clock.
_WAIT_S = 300.0
_POLL_S = 0.005


def try_all(
    mutants: Iterable[Mutant], attempt: Callable[[Mutant], int], *, jobs: int, cpu_s: int
) -> Iterator[tuple[Mutant, int]]:
    """Yield each mutant with the answer of `attempt`, which runs in a forked child; whoever dies has noticed it."""
    running: dict[int, tuple[Mutant, float]] = {}
    for mutant in mutants:
        while len(running) >= jobs:
            yield from _collect(running)
        running[_start(mutant, attempt, cpu_s=cpu_s)] = mutant, time.monotonic() + _WAIT_S
    while running:
        yield from _collect(running)


def run_apart(task: Callable[[], object]) -> None:
    """Run a task in a forked child and wait for it. Raises RuntimeError when it fails."""
    child = os.fork()
    if child == 0:
        _end_with(lambda: _run(task))
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"the tests do not pass without a mutant, or cannot be run: status {status}")


def silence_output(*streams: int) -> None:
    """Send what this process writes to these file descriptors nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nowhere, stream)


def _run(task: Callable[[], object]) -> int:
    task()
    return NOTICED


def _start(mutant: Mutant, attempt: Callable[[Mutant], int], *, cpu_s: int) -> int:
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
        silence_output(1, 2)
        _end_with(lambda: attempt(mutant))
    return child


def _end_with(answer: Callable[[], int]) -> NoReturn:
    status = 1
    try:
        status = answer()
    except BaseException:  # noqa: BLE001 - the child ends here, whatever it is
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def _collect(running: dict[int, tuple[Mutant, float]]) -> Iterator[tuple[Mutant, int]]:
    time.sleep(_POLL_S)
    for child, (mutant, until) in list(running.items()):
        if time.monotonic() > until:
            _kill(child)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            _kill(child)
            del running[child]
            answer = os.waitstatus_to_exitcode(status)
            yield mutant, answer if answer in {SURVIVED, NOT_PUT_IN} else NOTICED


def _kill(child: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
