"""Chains of stages: one message for a batch of signals under one lock, from the first stage they have not reached."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Any
from uuid import UUID, uuid4

from celery import Task, chain, current_app, signature

from db.due_signals import DueSignal
from domain.signal import Stage

# The most signals that one run of a stage works on.
BATCH = 64
# Set in every message of ours: one without it was sent by hand, as from Flower.
CHAIN_HEADER = "orchestrator_chain"
_stages: dict[Stage, Task] = {}


def define(stages: Mapping[Stage, Task]) -> None:
    """Define the tasks of a chain, each by the stage that its signals have reached before it."""
    _stages.update(stages)


def enqueue(signal_ids: Sequence[UUID], *, reached: Stage = Stage.RECEIVED) -> None:
    """Enqueue the stages that signals have not reached yet: one chain and one lock for up to 64 signals."""
    for start in range(0, len(signal_ids), BATCH):
        arguments = {
            "signal_ids": [str(signal_id) for signal_id in signal_ids[start : start + BATCH]],
            "lock": str(uuid4()),
        }
        left = [
            task.si(**arguments).set(headers={CHAIN_HEADER: True})
            for stage, task in _stages.items()
            if stage >= reached
        ]
        chain(*left).apply_async()


def resume(due: Collection[DueSignal]) -> None:
    """Enqueue stalled signals from their first unfinished stage; those that failed before get a chain of their own."""
    for signal in due:
        if signal.alone:
            enqueue([signal.signal_id], reached=signal.stage)
    together = sorted((signal for signal in due if not signal.alone), key=lambda signal: signal.stage)
    for stage, group in groupby(together, key=lambda signal: signal.stage):
        enqueue([signal.signal_id for signal in group], reached=stage)


def send_rest(request: Any) -> None:
    """Send the rest of a task's chain, which Celery does only when the task succeeds."""
    rest, request.chain = list(request.chain or ()), None
    if rest:
        following = signature(rest.pop(), app=current_app)
        following.apply_async(chain=rest, parent_id=request.id, root_id=request.root_id)


def is_sent_by_hand(request: Any) -> bool:
    """Return whether a stage's message came from no chain of ours; a direct call of the task is none."""
    return not (request.get(CHAIN_HEADER) or request.chain or request.parent_id or request.called_directly)
