"""Typed settings, read once from the environment; a bad value stops the start and names itself."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from config import urls, values
from config.values import Network, Secret, SettingInvalid
from domain.policy import ExecutionMode

T = TypeVar("T")

# A foreign engine may take its five seconds: a stage whose limit is shorter would be ended while it waits.
SHORTEST_LEASE_OF_FOREIGN_ENGINES_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every effective setting. `sources` says for each variable whether it came from the environment or a default.

    `database_url` and `redis_url` are None when the embedded servers are meant. `database_url` is a libpq URL
    (postgresql://...); `sqlalchemy_url` is the same for SQLAlchemy's psycopg driver. What is secret, or may hold a
    password, is not shown when settings are printed, as Celery does for Flower.
    """

    database_url: str | None = field(repr=False)
    migration_database_url: str | None = field(repr=False)
    redis_url: str | None = field(repr=False)
    broker_url: str | None = field(repr=False)
    broker_sentinel_master: str
    data_dir: Path | None
    bind: str
    public_url: str | None
    sender_addresses: tuple[Network, ...] | None
    trusted_proxies: int | None
    client_certificate_header: str | None
    notify_urls: tuple[Secret, ...]
    secret_key: str | None = field(repr=False)
    api_token: Secret | None
    execution_mode: ExecutionMode
    policy_version: str
    split_ppm: int
    signal_poll_interval_ms: int
    max_signals_per_batch: int
    worker_backoff_ms: int
    lease_s: int
    canary_every_s: int
    queue_silent_s: int | None
    engine_a: str
    engine_b: str
    engine_path: tuple[Path, ...]
    engine_hosts_allowed: tuple[str, ...]
    engine_secret: Secret | None
    engine_rest_s: int
    market_data: str
    broker: str
    broker_key: Secret | None
    broker_secret: Secret | None
    venue_url: str | None
    max_open_per_symbol: int
    real_max_age_s: int
    overload_signals: int
    log_format: str
    log_level: str
    failpoint_dir: Path | None
    sources: Mapping[str, str] = field(compare=False)

    @property
    def broker_is_rabbitmq(self) -> bool:
        """Whether tasks travel by RabbitMQ."""
        return (self.broker_url or "").startswith(("amqp://", "amqps://"))

    @property
    def broker_is_sentinel(self) -> bool:
        """Whether the Redis that carries tasks is found through Sentinel."""
        return (self.broker_url or "").startswith("sentinel://")

    @property
    def silent_after_s(self) -> int:
        """So long may a queue be silent: QUEUE_SILENT_S, else twice the lease and at least a minute; three canaries."""
        return max(self.queue_silent_s or max(2 * self.lease_s, 60), 3 * self.canary_every_s)

    @property
    def sqlalchemy_url(self) -> str:
        """The database URL with SQLAlchemy's driver name."""
        if self.database_url is None:
            raise SettingInvalid("DATABASE_URL", "", "no database is configured and none was started")
        return re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql+psycopg://", self.database_url)


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environ` (default: the process environment).

    Raises:
        SettingInvalid: naming the first variable whose value is not allowed.
    """
    return _agreeing(_read(_Reader(os.environ if environ is None else environ)))


def _agreeing(settings: Settings) -> Settings:
    foreign = {settings.engine_a, settings.engine_b} - set(values.BUILT_IN_ENGINES)
    if foreign and settings.lease_s < SHORTEST_LEASE_OF_FOREIGN_ENGINES_S:
        allowed = f"at least {SHORTEST_LEASE_OF_FOREIGN_ENGINES_S} with an engine that is not built in"
        raise SettingInvalid("LEASE_S", str(settings.lease_s), allowed)
    if settings.sender_addresses is not None and settings.trusted_proxies is None:
        allowed = "SENDER_ADDRESSES needs to know how many proxies of yours stand before the web process, 0 for none"
        raise SettingInvalid("TRUSTED_PROXIES", "", allowed)
    if settings.client_certificate_header is not None and not settings.trusted_proxies:
        allowed = "at least 1 with CLIENT_CERTIFICATE_HEADER: only a proxy of yours can say whose certificate it saw"
        raise SettingInvalid("TRUSTED_PROXIES", "" if settings.trusted_proxies is None else "0", allowed)
    return settings


def _read(reader: _Reader) -> Settings:
    redis_url = reader.optional("REDIS_URL", values.url("redis", "rediss", "redis+socket", "unix"))
    return Settings(
        database_url=reader.optional("DATABASE_URL", values.url("postgresql", "postgres", "postgresql+psycopg")),
        migration_database_url=reader.optional(
            "MIGRATION_DATABASE_URL", values.url("postgresql", "postgres", "postgresql+psycopg")
        ),
        redis_url=redis_url,
        broker_url=urls.for_kombu(reader.optional("BROKER_URL", values.broker_url) or redis_url),
        broker_sentinel_master=reader.value("BROKER_SENTINEL_MASTER", "mymaster", values.label),
        data_dir=reader.optional("DATA_DIR", values.absolute_path),
        bind=reader.value("BIND", "127.0.0.1", values.host),
        public_url=reader.optional("PUBLIC_URL", values.url("http", "https")),
        sender_addresses=reader.optional("SENDER_ADDRESSES", values.senders),
        trusted_proxies=reader.optional("TRUSTED_PROXIES", values.whole(0, 10)),
        client_certificate_header=reader.optional("CLIENT_CERTIFICATE_HEADER", values.header),
        notify_urls=reader.optional("NOTIFY_URLS", values.secrets) or (),
        secret_key=reader.optional("SECRET_KEY", values.at_least(16)),
        api_token=reader.optional("API_TOKEN", values.secret(32)),
        execution_mode=reader.value("EXECUTION_MODE", "ENGINE_A_PRIMARY", values.execution_mode),
        policy_version=reader.value("POLICY_VERSION", "v1", values.label),
        split_ppm=reader.value("SPLIT_PERCENTAGE", "0.5", values.split),
        signal_poll_interval_ms=reader.value("SIGNAL_POLL_INTERVAL_MS", "1000", values.whole(100, 60_000)),
        max_signals_per_batch=reader.value("MAX_SIGNALS_PER_BATCH", "500", values.whole(1, 10_000)),
        worker_backoff_ms=reader.value("WORKER_BACKOFF_MS", "1000", values.whole(10, 600_000)),
        lease_s=reader.value("LEASE_S", "60", values.whole(1, 3600)),
        canary_every_s=reader.value("CANARY_EVERY_S", "15", values.whole(1, 3600)),
        queue_silent_s=reader.optional("QUEUE_SILENT_S", values.whole(1, 86_400)),
        engine_a=reader.value("ENGINE_A", "rules", values.engine),
        engine_b=reader.value("ENGINE_B", "committee", values.engine),
        engine_path=reader.optional("ENGINE_PATH", values.folders) or (),
        engine_hosts_allowed=reader.optional("ENGINE_HOSTS_ALLOWED", values.hosts) or (),
        engine_secret=reader.optional("ENGINE_SECRET", values.secret(16)),
        engine_rest_s=reader.value("ENGINE_REST_S", "30", values.whole(1, 3600)),
        market_data=reader.value("MARKET_DATA", "alert", values.venue("alert", "alpaca")),
        broker=reader.value("BROKER", "paper", values.venue("paper", "alpaca", "alpaca:paper")),
        broker_key=reader.optional("BROKER_KEY", values.secret(1)),
        broker_secret=reader.optional("BROKER_SECRET", values.secret(1)),
        venue_url=reader.optional("VENUE_URL", values.venue_url),
        max_open_per_symbol=reader.value("MAX_OPEN_PER_SYMBOL", "10", values.whole(1, 100_000)),
        real_max_age_s=reader.value("REAL_MAX_AGE_S", "300", values.whole(1, 86_400)),
        overload_signals=reader.value("OVERLOAD_SIGNALS", "5000", values.whole(1, 10_000_000)),
        log_format=reader.value("LOG_FORMAT", "auto", values.choice("auto", "console", "json")),
        log_level=reader.value("LOG_LEVEL", "INFO", values.choice("DEBUG", "INFO", "WARNING", "ERROR")),
        failpoint_dir=reader.failpoints(),
        sources=reader.sources,
    )


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.sources: dict[str, str] = {}

    def value(self, name: str, default: str, parse: Callable[[str, str], T]) -> T:
        given = self._environ.get(name, "").strip()
        self.sources[name] = "environment" if given else "default"
        return parse(name, given or default)

    def optional(self, name: str, parse: Callable[[str, str], T]) -> T | None:
        given = self._environ.get(name, "").strip()
        self.sources[name] = "environment" if given else "default"
        return parse(name, given) if given else None

    def failpoints(self) -> Path | None:
        return self.optional("FAILPOINT_DIR", values.absolute_path) if self._environ.get("FAILPOINTS") == "1" else None
