"""`POST /webhook/<token>` as a route of the Flask application."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from app.webhook.endpoint import AlertEndpoint


def make_blueprint(endpoint: AlertEndpoint) -> Blueprint:
    """Return the webhook's blueprint."""
    blueprint = Blueprint("webhook", __name__)

    @blueprint.post("/webhook/<token>")
    def receive(token: str) -> Response:
        answer = endpoint.answer(request.environ, token, body=request.stream, request_id=g.request_id)
        return Response(answer.body, status=answer.status, mimetype="application/json", headers=dict(answer.headers))

    return blueprint
