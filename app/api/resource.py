"""The routes about one noun, with all that they have in common: the gate, what comes in, what is answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema

from app.access import permissions
from app.api import csv_export, paging
from app.api.paging import PageInputSchema
from app.api.request_schemas import Parser, no_query
from domain.access import Scope

PREFIX = "/api/v1"
_ALWAYS = (401, 403, 422, 429, 503)
_OF_BODIES = (413, 415)
_IN_PATHS = {
    "name": "name of the source",
    "signal_id": "id of the signal",
    "event_id": "id of the message",
    "experiment_id": "id of the experiment",
    "trade_id": "id of the trade",
    "study_id": "id of the study",
    "incident_id": "id of the incident",
}

View = Callable[..., Any]


class Noun(Blueprint):  # type: ignore[misc]  # it has no types
    """A blueprint whose routes say what they need and what they give; the rest follows."""

    ARGUMENTS_PARSER = Parser()

    def __init__(self, name: str, told: str) -> None:
        super().__init__(f"api_{name}", __name__, url_prefix=PREFIX, description=told)
        self.noun = name

    def lists(
        self, rule: str, *, needs: Scope, item: type[Schema], query: type[PageInputSchema]
    ) -> Callable[[View], View]:
        """Register a view that answers a list."""

        def decorate(view: View) -> View:
            made = self.arguments(query, location="query")(view)
            made = self.response(200, paging.page_of(item), headers=paging.LINK)(made)
            made = self.alt_response(200, schema={"type": "string"}, content_type=csv_export.MEDIA_TYPE)(made)
            return self._registered(made, rule, method="GET", needs=needs)

        return decorate

    def shows(
        self,
        rule: str,
        *,
        needs: Scope,
        answer: type[Schema],
        query: type[Schema] | None = None,
        errors: Sequence[int] = (),
    ) -> Callable[[View], View]:
        """Register a view that answers one document; without a `query` it takes no query parameters."""

        def decorate(view: View) -> View:
            made = self.response(200, answer)(view)
            made = no_query(made) if query is None else self.arguments(query, location="query")(made)
            return self._registered(made, rule, method="GET", needs=needs, errors=errors)

        return decorate

    def acts(
        self,
        rule: str,
        *,
        needs: Scope,
        body: type[Schema],
        answer: type[Schema],
        status: int = 200,
        refusal: type[Schema] | None = None,
        step_up: bool = False,
        errors: Sequence[int] = (),
    ) -> Callable[[View], View]:
        """Register a view that changes something."""

        def decorate(view: View) -> View:
            made = self.response(status, answer)(view)
            if refusal is not None:
                made = self.alt_response(409, schema=refusal)(made)
            made = no_query(self.arguments(body, location="json", required=_has_required(body))(made))
            return self._registered(
                made, rule, method="POST", needs=needs, step_up=step_up, errors=(*_OF_BODIES, *errors)
            )

        return decorate

    def _registered(
        self, view: View, rule: str, *, method: str, needs: Scope, step_up: bool = False, errors: Sequence[int] = ()
    ) -> View:
        not_found = (404,) if "<" in rule else ()
        for status in sorted({*_ALWAYS, *not_found, *errors}):
            view = self.alt_response(status, HTTPStatus(status).name)(view)
        view = self.doc(operationId=view.__name__, security=[{"bearer": [needs.value]}])(view)
        guarded = permissions.needs(needs, step_up=step_up)(view)
        registered: View = self.route(rule, methods=[method], tags=[self.noun], parameters=_in_path(rule))(guarded)
        return registered


def _in_path(rule: str) -> list[dict[str, str]]:
    names = [part.strip("<>").rpartition(":")[2] for part in rule.split("/") if part.startswith("<")]
    return [{"in": "path", "name": name, "description": f"The {_IN_PATHS[name]}."} for name in names]


def _has_required(body: type[Schema]) -> bool:
    return any(field.required for field in body().fields.values())
