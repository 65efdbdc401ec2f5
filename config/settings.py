"""Typed settings, read once from the environment; a value that is not allowed stops the start."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config import combinations, parsers, urls
from config.declaration import Declaration, find_declarations, setting
from config.derived_settings import DerivedSettings
from config.parsers import (
    one_of,
    seconds_between,
    secret_of_at_least,
    url_with_scheme,
    venue_named,
    whole_number_between,
)
from config.values import Network, Secret, SettingInvalid
from domain.policy import ExecutionMode

_REDIS_URL = url_with_scheme("redis", "rediss", "redis+socket", "unix")
_POSTGRES_URL = url_with_scheme("postgresql", "postgres", "postgresql+psycopg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(DerivedSettings):
    """Every effective setting, in the order in which they are read and documented.

    `sources` gives for each variable where its value comes from: `environment` or `default`. `database_url` and
    `redis_url` are None when the embedded servers are meant. `database_url` is a libpq URL (postgresql://...);
    `sqlalchemy_url` is the same for SQLAlchemy's psycopg driver. Settings that are secret, or may hold a password, are
    not shown when settings are printed, as Celery does for Flower.
    """

    redis_url: str | None = setting(
        "REDIS_URL", _REDIS_URL, "Redis 6.2 or newer", default_shown="embedded", is_printed=False
    )
    database_url: str | None = setting(
        "DATABASE_URL", _POSTGRES_URL, "libpq URL of Postgres 15 or newer", default_shown="embedded", is_printed=False
    )
    migration_database_url: str | None = setting(
        "MIGRATION_DATABASE_URL",
        _POSTGRES_URL,
        "the same database for `orchestrator migrate`, as a user who may change the schema",
        default_shown="`DATABASE_URL`",
        is_printed=False,
    )
    broker_url: str | None = setting(
        "BROKER_URL",
        parsers.parse_broker_url,
        "message broker: `redis://`, `rediss://`, `unix://`, Sentinel or RabbitMQ, see below",
        default_shown="`REDIS_URL`",
        is_printed=False,
    )
    broker_sentinel_master: str = setting(
        "BROKER_SENTINEL_MASTER", parsers.parse_label, "the master's name, with Sentinel", default="mymaster"
    )
    data_dir: Path | None = setting(
        "DATA_DIR", parsers.parse_absolute_path, "absolute path of the data directory", default_shown="per user"
    )
    bind: str = setting("BIND", parsers.parse_host, "address that web and Flower listen on", default="127.0.0.1")
    public_url: str | None = setting(
        "PUBLIC_URL",
        url_with_scheme("http", "https"),
        "beginning of the webhook URLs that are printed; with `https` the console's cookies are for HTTPS only",
    )
    sender_addresses: tuple[Network, ...] | None = setting(
        "SENDER_ADDRESSES",
        parsers.parse_networks,
        "addresses and networks, separated by commas, from which alerts are accepted; `tradingview` stands for the four"
        " addresses of TradingView; needs `TRUSTED_PROXIES`",
        default_shown="all",
    )
    trusted_proxies: int | None = setting(
        "TRUSTED_PROXIES",
        whole_number_between(0, 10),
        "how many of your proxies stand before the web process (0: none); decides which address counts as the sender's,"
        " also when failed attempts are counted",
    )
    client_certificate_header: str | None = setting(
        "CLIENT_CERTIFICATE_HEADER",
        parsers.parse_header_name,
        "name of the header in which your proxy passes on the subject of the client certificate it verified, letters"
        " and digits only, see below; needs `TRUSTED_PROXIES`",
    )
    notify_urls: tuple[Secret, ...] = setting(
        "NOTIFY_URLS",
        parsers.parse_secret_urls,
        "where incidents are reported: [Apprise](https://github.com/caronc/apprise) URLs, separated by blanks, see"
        " below; never shown",
        when_unset=(),
    )
    notify_heartbeat_url: Secret | None = setting(
        "NOTIFY_HEARTBEAT_URL",
        parsers.parse_heartbeat_url,
        "`http(s)://` URL of a monitor elsewhere, called with POST every minute while everything works, see below;"
        " never shown",
    )
    notify_hosts_allowed: tuple[str, ...] = setting(
        "NOTIFY_HOSTS_ALLOWED",
        parsers.parse_hosts,
        "`host` or `host:port`, separated by commas: monitors of `NOTIFY_HEARTBEAT_URL` that may be at a private"
        " address",
        when_unset=(),
    )
    secret_key: str | None = setting(
        "SECRET_KEY",
        parsers.text_of_at_least(16),
        "key that encrypts source tokens and the keys of accounts, and signs the console's forms; at least 16"
        " characters; going live needs one of your own",
        default_shown="generated",
        is_printed=False,
    )
    api_token: Secret | None = setting(
        "API_TOKEN",
        secret_of_at_least(32),
        "token that permits everything over the HTTP API, at least 32 characters; by default the one in the file"
        " `api_token` of the data directory",
        default_shown="generated",
    )
    execution_mode: ExecutionMode = setting(
        "EXECUTION_MODE",
        parsers.parse_execution_mode,
        "SHADOW_ONLY, ENGINE_A_PRIMARY, ENGINE_B_PRIMARY, SPLIT_CAPITAL or VARIANT_PRIMARY; only a changed one counts",
        default=ExecutionMode.ENGINE_A_PRIMARY.value,
    )
    policy_version: str = setting(
        "POLICY_VERSION", parsers.parse_label, "label of the policy version that the environment sets", default="v1"
    )
    split_ppm: int = setting(
        "SPLIT_PERCENTAGE", parsers.parse_split, "share of engine A, 0 to 1, at most 6 decimals", default="0.5"
    )
    signal_poll_interval_ms: int = setting(
        "SIGNAL_POLL_INTERVAL_MS",
        whole_number_between(100, 60_000),
        "pause between two runs of the sweep, which sends unfinished signals to the workers again",
        default="1000",
    )
    max_signals_per_batch: int = setting(
        "MAX_SIGNALS_PER_BATCH",
        whole_number_between(1, 10_000),
        "how many signals the sweep takes at once; it repeats until none is due",
        default="500",
    )
    worker_backoff_ms: int = setting(
        "WORKER_BACKOFF_MS",
        whole_number_between(10, 600_000),
        "first wait after a failed attempt; doubles",
        default="1000",
    )
    lease_s: int = setting(
        "LEASE_S",
        whole_number_between(1, 3600),
        "how long a worker owns a signal; the time limits of tasks are 40/60 and 50/60 of it; at least 10 with engines"
        " of your own, for which it is renewed while they are asked, see"
        " [deadlines](engines.md#deadlines-and-concurrency)",
        default="60",
    )
    canary_every_s: int = setting(
        "CANARY_EVERY_S", whole_number_between(1, 3600), "pause between the test messages of a queue", default="15"
    )
    queue_silent_s: int | None = setting(
        "QUEUE_SILENT_S",
        whole_number_between(1, 86_400),
        "how long a queue may stand still before that is an alarm; at least three test messages",
        default_shown="2 x `LEASE_S`, at least 60",
    )
    engine_a: str = setting(
        "ENGINE_A",
        parsers.parse_engine,
        "engine A: `rules`, `committee`, `package.module:factory` or an `http(s)://` URL, see [engines](engines.md)",
        default="rules",
    )
    engine_b: str = setting("ENGINE_B", parsers.parse_engine, "engine B, likewise", default="committee")
    engine_a_deadline_s: float = setting(
        "ENGINE_A_DEADLINE_S",
        seconds_between(0.1, 60),
        "seconds that engine A may take for one question, counted from when it is put to it; the built-in engines have"
        " no deadline",
        default="5",
    )
    engine_b_deadline_s: float = setting(
        "ENGINE_B_DEADLINE_S", seconds_between(0.1, 60), "the same for engine B", default="5"
    )
    engine_a_concurrency: int | None = setting(
        "ENGINE_A_CONCURRENCY",
        whole_number_between(1, 64),
        "how many questions a worker process puts to engine A at once: requests of an engine over HTTP, processes of"
        " one in Python of your own; the built-in engines answer one after the other",
        default_shown="8 over HTTP, else 1",
    )
    engine_b_concurrency: int | None = setting(
        "ENGINE_B_CONCURRENCY",
        whole_number_between(1, 64),
        "the same for engine B",
        default_shown="8 over HTTP, else 1",
    )
    engine_path: tuple[Path, ...] = setting(
        "ENGINE_PATH",
        parsers.parse_folders,
        "folders, separated by `:`, from which engines `package.module:factory` are imported",
        when_unset=(),
        default_shown="working directory",
    )
    engine_memory_mb: int = setting(
        "ENGINE_MEMORY_MB",
        whole_number_between(256, 1_048_576),
        "address space in MB of each process of an engine of your own; libraries for machine learning may want more",
        default="4096",
    )
    engine_hosts_allowed: tuple[str, ...] = setting(
        "ENGINE_HOSTS_ALLOWED",
        parsers.parse_hosts,
        "`host` or `host:port`, separated by commas: engines that may be at a private address",
        when_unset=(),
    )
    engine_secret: Secret | None = setting(
        "ENGINE_SECRET",
        secret_of_at_least(16),
        "key that signs questions to engines over HTTP and their answers, at least 16 characters; never shown",
    )
    engine_rest_s: int = setting(
        "ENGINE_REST_S", whole_number_between(1, 3600), "pause of an engine after five failures in a row", default="30"
    )
    market_data: str = setting(
        "MARKET_DATA",
        venue_named("auto", "alert", "alpaca"),
        "where prices come from: `auto` (the exchange that an alert names, else bars that were imported or that alerts"
        " bring), `alert` (only those bars), `alpaca` or `ccxt:<id>`, see [venues](venues.md)",
        default="auto",
    )
    broker: str = setting(
        "BROKER",
        venue_named("paper", "alpaca", "alpaca:paper"),
        "where the live book's real orders go: `paper`, `alpaca`, `alpaca:paper` or `ccxt:<id>`, see"
        " [venues](venues.md)",
        default="paper",
    )
    broker_key: Secret | None = setting(
        "BROKER_KEY",
        secret_of_at_least(1),
        "key at the venue; never shown; accounts usually have keys of their own, see [venues](venues.md)",
    )
    broker_secret: Secret | None = setting(
        "BROKER_SECRET", secret_of_at_least(1), "secret that belongs to the key; never shown"
    )
    venue_url: str | None = setting(
        "VENUE_URL", parsers.parse_venue_url, "address of the venue, where it is not the library's own"
    )
    max_open_per_symbol: int = setting(
        "MAX_OPEN_PER_SYMBOL",
        whole_number_between(1, 100_000),
        "risk limit: open trades in one symbol, for each engine, model and real trades apart",
        default="10",
    )
    real_max_age_s: int = setting(
        "REAL_MAX_AGE_S",
        whole_number_between(1, 86_400),
        "signals that waited longer trade in shadow only",
        default="300",
    )
    overload_signals: int = setting(
        "OVERLOAD_SIGNALS",
        whole_number_between(1, 10_000_000),
        "with more unfinished signals than this, new experiments are traded in shadow only",
        default="5000",
    )
    process_memory_mb: int = setting(
        "PROCESS_MEMORY_MB",
        whole_number_between(64, 1_000_000),
        "megabytes of memory at which a web process or a child of a worker is replaced by a fresh one, after its task"
        " or requests",
        default="768",
    )
    log_format: str = setting(
        "LOG_FORMAT",
        one_of("auto", "console", "json"),
        "`console`, `json`, or `auto`: console on a terminal, JSON elsewhere; processes started by `up` go by the"
        " terminal of `up`",
        default="auto",
    )
    log_level: str = setting(
        "LOG_LEVEL", one_of("DEBUG", "INFO", "WARNING", "ERROR"), "DEBUG, INFO, WARNING or ERROR", default="INFO"
    )
    failpoint_dir: Path | None = setting(
        "FAILPOINT_DIR", parsers.parse_absolute_path, "directory of failpoints (tests); read with `FAILPOINTS=1`"
    )
    sources: Mapping[str, str] = field(compare=False)

    @property
    def sqlalchemy_url(self) -> str:
        """The database URL with SQLAlchemy's driver name."""
        if self.database_url is None:
            raise SettingInvalid("DATABASE_URL", "", "no database is configured and none was started")
        return re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql+psycopg://", self.database_url)


def declarations(*, with_failpoints: bool = False) -> dict[str, Declaration]:
    """Return the declaration of each setting by its attribute, in order; failpoints, which serve tests, on request."""
    declared = find_declarations(Settings)
    if not with_failpoints:
        del declared["failpoint_dir"]
    return declared


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environ` (default: the process environment).

    Raises:
        SettingInvalid: naming the first variable whose value is not allowed.
    """
    environ = os.environ if environ is None else environ
    declared = declarations(with_failpoints=environ.get("FAILPOINTS") == "1")
    values: dict[str, Any] = {"failpoint_dir": None}
    values |= {attribute: declaration.read(environ) for attribute, declaration in declared.items()}
    values["broker_url"] = urls.spell_for_kombu(values["broker_url"] or values["redis_url"])
    sources = {declaration.variable: declaration.source(environ) for declaration in declared.values()}
    settings = Settings(**values, sources=sources)
    combinations.check_combinations(settings)
    return settings
