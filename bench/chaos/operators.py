"""The operators of a rehearsal: two who set the trading switch at random at once, and one who closes everything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from random import Random

from bench import fresh_stack
from config.settings import Settings
from db.core.errors import SQLAlchemyError
from db.core.session import Database
from db.queries import real_exposure
from domain.books import LIVE_BOOK
from operations import policy
from operations.audit_entry import AuditContext
from operations.policy import FlattenUnfinished, NotFlattening

_ACTS = (policy.pause, policy.flatten, policy.resume, policy.end_flatten)
_OPERATORS = ("first operator", "second operator")
_LONGEST_THOUGHT_S = 0.3
_WITHIN_S = 120.0


class Operators:
    """Acts on the live book's switch; while the database does not answer an act is tried again or left out."""

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings.sqlalchemy_url, pool_size=len(_OPERATORS))
        self._storms: list[threading.Thread] = []

    def start_storm(self, *, seconds: float, pick: float) -> None:
        """Let two operators act at random for some seconds, and then trade again; return at once."""
        storm = threading.Thread(target=self._run_storm, args=(seconds, pick), name="switch-storm")
        self._storms.append(storm)
        storm.start()

    def wait(self) -> None:
        """Return when every storm is over and the book trades."""
        for storm in self._storms:
            storm.join()

    def flatten(self) -> bool:
        """Close everything that is open for real; return whether all of it was closed in time."""
        self._insist(policy.flatten)
        return fresh_stack.wait_until(lambda: not self._is_exposed(), _WITHIN_S)

    def close(self) -> None:
        """Close the connections to the database."""
        self._database.dispose()

    def _run_storm(self, seconds: float, pick: float) -> None:
        operators = [
            threading.Thread(target=self._act_at_random, args=(name, seconds, Random(f"{pick} {name}")), name=name)  # noqa: S311 - repeatable chances, not secrets
            for name in _OPERATORS
        ]
        for operator in operators:
            operator.start()
        for operator in operators:
            operator.join()
        self._trade_again()

    def _act_at_random(self, name: str, seconds: float, random: Random) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self._try_act(random.choice(_ACTS), actor=name)
            time.sleep(random.uniform(0, _LONGEST_THOUGHT_S))

    def _trade_again(self) -> None:
        """End a flatten that has not closed everything, and resume."""
        while not self._insist(policy.resume):
            self._insist(policy.end_flatten)

    def _insist(self, act: Callable[..., object]) -> bool:
        """Act, again while the database does not answer; return False when the act was refused."""
        results: list[bool] = []

        def is_answered() -> bool:
            result = self._try_act(act, actor="rehearsal")
            results.extend([] if result is None else [result])
            return result is not None

        fresh_stack.wait_until(is_answered, _WITHIN_S)
        return results[-1:] != [False]

    def _try_act(self, act: Callable[..., object], *, actor: str) -> bool | None:
        """Return whether the act was carried out; None when the database did not answer."""
        audit = AuditContext(actor=actor, reason="a rehearsal", at=datetime.now(UTC))
        try:
            with self._database.transaction() as session:
                act(session, LIVE_BOOK, audit=audit)
        except (FlattenUnfinished, NotFlattening):
            return False
        except SQLAlchemyError:
            return None
        return True

    def _is_exposed(self) -> bool:
        """Return whether anything is open for real, as far as is known."""
        with suppress(SQLAlchemyError), self._database.transaction() as session:
            return real_exposure.count_exposure(session, LIVE_BOOK).is_open
        return True
