"""Workers in this process that die at the end of a transaction, right before or right after its commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields

from db.core.session import Session
from tasks.parts import Parts


class WorkerDied(BaseException):
    """The worker is gone: nothing in the product may catch this, as nothing catches kill -9."""


@dataclass(slots=True, kw_only=True)
class Life:
    """How many ends of transactions a worker lives through, two to a transaction; None: all of them."""

    left: int | None = None

    def pass_one(self) -> None:
        """Pass one end of a transaction, or die there."""
        if self.left is not None:
            if self.left == 0:
                raise WorkerDied
            self.left -= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MortalParts(Parts):
    """The parts of a worker that can die."""

    life: Life = field(default_factory=Life)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a transaction whose ends the worker may not outlive."""
        with self.database.transaction() as session:
            yield session
            self.life.pass_one()
        self.life.pass_one()


def mortal(parts: Parts) -> MortalParts:
    """Return the same parts in a worker that can die."""
    return MortalParts(**{one.name: getattr(parts, one.name) for one in fields(Parts)})
