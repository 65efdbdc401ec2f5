"""Authorization of routes: a view names its scope with `@permissions.needs(Scope.OPERATE)`.

The principal of a request is identified once.
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
    """The credentials that a principal was identified by."""

    ENVIRONMENT = "environment"
    TOKEN = "token"  # noqa: S105 - a word, not a secret
    SESSION = "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The authenticated requester: name for the audit log, scopes, and whether the password was given just now."""

    name: str
    scopes: frozenset[Scope]
    by: By
    has_stepped_up: bool


class StepUpNeeded(Forbidden):
    """The route needs the password once more: it was not given within the last minutes."""

    description = "this needs your password once more"


def needs(scope: Scope, *, step_up: bool = False) -> Callable[[View], View]:
    """Decorate a view so that it runs only for principals with this scope.

    Session-authenticated writes need a valid CSRF token, and with `step_up` the password within the last minutes. API
    tokens need neither: the password was asked for when the token was made. The decorated view has the attributes
    `needs_scope` and `needs_step_up`.

    Raises:
        Unauthorized, Forbidden, app.access.csrf.FormRefused, StepUpNeeded: in place of the view.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def check_and_run(*args: Any, **kwargs: Any) -> Any:
            requester = principal()
            if requester is None:
                raise Unauthorized
            if scope not in requester.scopes:
                raise Forbidden(f"this needs the scope {scope.value!r}")
            if requester.by is By.SESSION:
                csrf.require_token()
            if step_up and requester.by is By.SESSION and not requester.has_stepped_up:
                raise StepUpNeeded
            return view(*args, **kwargs)

        marked = cast("Any", check_and_run)
        marked.needs_scope, marked.needs_step_up = scope, step_up
        return cast("View", check_and_run)

    return decorate


def principal() -> Principal | None:
    """Return the principal of the present request, None without valid credentials."""
    if "principal" not in g:
        g.principal = current_app.extensions[IDENTIFIER]()
    return cast("Principal | None", g.principal)
