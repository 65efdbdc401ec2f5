"""Logging: one formatter for our records and for those of libraries, readable on a terminal, JSON elsewhere."""

from __future__ import annotations

import logging
import sys

import msgspec
import structlog
from structlog.typing import Processor

from config.settings import Settings

_WARNINGS_ONLY = ("celery.app.trace", "celery.worker.strategy", "celery.beat", "amqp", "alembic", "urllib3")
_ERRORS_ONLY = ("kombu.connection",)  # it warns about URLs of unix sockets, because they have no host


def configure(settings: Settings) -> None:
    """Send all log records of this process to stderr through one formatter; further calls change nothing."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    _install_handler(logging.StreamHandler(sys.stderr), shared, settings)


def _install_handler(handler: logging.Handler, shared: list[Processor], settings: Settings) -> None:
    """Make `handler` the only one of the root logger; `shared` processors also run for records of libraries."""
    final: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_choose_renderers(settings)]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=final))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for name in _WARNINGS_ONLY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _ERRORS_ONLY:
        logging.getLogger(name).setLevel(logging.ERROR)


def _choose_renderers(settings: Settings) -> list[Processor]:
    wants_console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    if wants_console:
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_encode_json)]


def _encode_json(record: object, **_: object) -> str:
    return msgspec.json.encode(record, enc_hook=repr).decode()
