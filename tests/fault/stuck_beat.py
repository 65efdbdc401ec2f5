"""Runs `orchestrator ARGUMENTS` with a beat that stands still when it is told to end: python stuck_beat.py ..."""

from __future__ import annotations

import importlib
import time

from celery.beat import Service

FOR_S = 600


def _stand(_: Service) -> None:
    time.sleep(FOR_S)


def main() -> None:
    """Run the command line."""
    Service.sync = _stand
    importlib.import_module("app.cli").main()


if __name__ == "__main__":
    main()
