"""Deadlines for tests that are about something else: a busy machine must not turn their answers into 503."""

from __future__ import annotations

from app.web.deadlines import Deadlines

PATIENT = Deadlines(
    webhook_s=30,
    identity_s=30,
    login_s=60,
    probe_s=30,
    connect_s=10,
    statement_s=25,
    api_s=60,
    api_statement_s=30,
    slow_query_s=120,
)
