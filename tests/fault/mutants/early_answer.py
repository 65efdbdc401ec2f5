"""Runs `orchestrator ARGUMENTS` with a web process that answers an alert before it is committed: python -m ..."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from flask import Flask

from app import factory, wsgi
from app.webhook.writer import Writer, _WriteJob
from db import intake
from db.intake import Arrival

_application = wsgi.application


class EarlyWriter(Writer):
    """A writer that releases the requests first and commits then."""

    def _write_batch(self, batch: Sequence[_WriteJob]) -> None:
        arrivals = [job.entry for job in batch if isinstance(job.entry, Arrival)]
        with self._database.transaction() as session:
            receipts = intake.record(session, arrivals, now=self._now())
            self._release_requests(batch, receipts)
            self._run_failpoint("writer.committing", receipts)


def application() -> Flask:
    """Return the web application with this writer."""
    vars(factory)["Writer"] = EarlyWriter
    return _application()


def main() -> None:
    """Serve this application where the product's would be served."""
    wsgi.application = application
    importlib.import_module("app.cli").main()


if __name__ == "__main__":
    main()
