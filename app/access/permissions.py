"""The gate before every route that is not for everybody: who is asking, and whether they may.

A view says what it needs with `@gate.needs(Scope.OPERATE)`. Who asks is found once per request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import wraps
from typing import Any, TypeVar, cast

from flask import current_app, g
from werkzeug.exceptions import Forbidden, Unauthorized

from app.access import csrf
from domain.access import Scope

IDENTIFIER = "orchestrator.identifier"

View = TypeVar("View", bound=Callable[..., Any])


class By(Enum):
    """How somebody came in."""

    ENVIRONMENT = "environment"
    TOKEN = "token"  # noqa: S105 - a word, not a secret
    SESSION = "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks: the name that goes into the audit log, what they may do, and whether they just proved who they are."""

    name: str
    scopes: frozenset[Scope]
    by: By
    has_stepped_up: bool


class StepUpNeeded(Forbidden):
    """The act needs the password once more: it was not given within the last minutes."""

    description = "this needs your password once more"


def needs(scope: Scope, *, step_up: bool = False) -> Callable[[View], View]:
    """Let a view run only for those who have this scope, and who gave their password just now where that is asked.

    A token is not asked for a password: whoever made it with such a scope gave theirs then. Whoever comes by session
    shows with each write that a page of ours sent it. The view bears `needs_scope` and `needs_step_up`.

    Raises:
        Unauthorized, Forbidden, app.access.csrf.FormRefused, StepUpNeeded: in place of the view.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            who = principal()
            if who is None:
                raise Unauthorized
            if scope not in who.scopes:
                raise Forbidden(f"this needs the scope {scope.value!r}")
            if who.by is By.SESSION:
                csrf.require_ours()
            if step_up and who.by is By.SESSION and not who.has_stepped_up:
                raise StepUpNeeded
            return view(*args, **kwargs)

        marked = cast("Any", guarded)
        marked.needs_scope, marked.needs_step_up = scope, step_up
        return cast("View", guarded)

    return decorate


def principal() -> Principal | None:
    """Return who asks, None for a stranger."""
    if "principal" not in g:
        g.principal = current_app.extensions[IDENTIFIER]()
    return cast("Principal | None", g.principal)
