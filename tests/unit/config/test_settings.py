"""Settings: what is in force without any, what each variable takes, and how a bad value names itself."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import settings
from config.settings import Settings
from config.values import Secret, SettingInvalid
from domain.policy import ExecutionMode

HIDDEN = frozenset(
    {"SECRET_KEY", "API_TOKEN", "BROKER_KEY", "BROKER_SECRET", "ENGINE_SECRET", "NOTIFY_URLS", "NOTIFY_HEARTBEAT_URL"}
)
GOOD: list[tuple[str, str, str, Any]] = [
    ("DATABASE_URL", "postgresql://u:p@host:5432/db", "database_url", "postgresql://u:p@host:5432/db"),
    ("DATABASE_URL", "postgresql+psycopg://host/db", "database_url", "postgresql+psycopg://host/db"),
    ("MIGRATION_DATABASE_URL", "postgres://host/db", "migration_database_url", "postgres://host/db"),
    ("REDIS_URL", "rediss://host:6380/1", "redis_url", "rediss://host:6380/1"),
    ("BROKER_URL", "redis://other/2", "broker_url", "redis://other/2"),
    ("BROKER_URL", "sentinel://a:26379;sentinel://b:26379", "broker_url", "sentinel://a:26379;sentinel://b:26379"),
    ("BROKER_URL", "amqp://u:p@host:5672/vhost", "broker_url", "amqp://u:p@host:5672/vhost"),
    ("BROKER_URL", "amqps://host//", "broker_url", "amqps://host//"),
    ("BROKER_SENTINEL_MASTER", "orders", "broker_sentinel_master", "orders"),
    ("DATA_DIR", "/var/lib/somewhere", "data_dir", Path("/var/lib/somewhere")),
    ("BIND", "0.0.0.0", "bind", "0.0.0.0"),
    ("BIND", "::1", "bind", "::1"),
    ("PUBLIC_URL", "https://alerts.example.org", "public_url", "https://alerts.example.org"),
    ("SECRET_KEY", "0123456789abcdef", "secret_key", "0123456789abcdef"),
    ("API_TOKEN", "t" * 32, "api_token", Secret(hidden="t" * 32)),
    ("POLICY_VERSION", "autumn 2026", "policy_version", "autumn 2026"),
    ("SPLIT_PERCENTAGE", "0.29", "split_ppm", 290_000),
    ("SIGNAL_POLL_INTERVAL_MS", "250", "signal_poll_interval_ms", 250),
    ("MAX_SIGNALS_PER_BATCH", "1", "max_signals_per_batch", 1),
    ("WORKER_BACKOFF_MS", "50", "worker_backoff_ms", 50),
    ("LEASE_S", "3", "lease_s", 3),
    ("CANARY_EVERY_S", "1", "canary_every_s", 1),
    ("QUEUE_SILENT_S", "90", "queue_silent_s", 90),
    ("TRUSTED_PROXIES", "0", "trusted_proxies", 0),
    ("SENDER_ADDRESSES", "10.0.0.0/8, ::1", "sender_addresses", (ip_network("10.0.0.0/8"), ip_network("::1"))),
    ("CLIENT_CERTIFICATE_HEADER", "ClientSubject", "client_certificate_header", "ClientSubject"),
    ("NOTIFY_HEARTBEAT_URL", "https://a/ping?k=1", "notify_heartbeat_url", Secret(hidden="https://a/ping?k=1")),
    ("NOTIFY_HOSTS_ALLOWED", "a.local, b:80", "notify_hosts_allowed", ("a.local", "b:80")),
    ("NOTIFY_URLS", "json://a  ntfy://b", "notify_urls", (Secret(hidden="json://a"), Secret(hidden="ntfy://b"))),
    ("ENGINE_A", "committee", "engine_a", "committee"),
    ("ENGINE_B", "my.package:make", "engine_b", "my.package:make"),
    ("ENGINE_A", "https://host/decide#latency=1.5", "engine_a", "https://host/decide#latency=1.5"),
    ("ENGINE_B", "https://b.example.org:8443/decide?v=2", "engine_b", "https://b.example.org:8443/decide?v=2"),
    ("ENGINE_B", "http://[::1]:9000", "engine_b", "http://[::1]:9000"),
    ("ENGINE_A_DEADLINE_S", "60", "engine_a_deadline_s", 60.0),
    ("ENGINE_B_DEADLINE_S", "0.25", "engine_b_deadline_s", 0.25),
    ("ENGINE_A_CONCURRENCY", "1", "engine_a_concurrency", 1),
    ("ENGINE_B_CONCURRENCY", "64", "engine_b_concurrency", 64),
    ("ENGINE_PATH", "/srv/engines:/srv/more", "engine_path", (Path("/srv/engines"), Path("/srv/more"))),
    ("ENGINE_PATH", "mine", "engine_path", (Path.cwd() / "mine",)),
    ("ENGINE_MEMORY_MB", "16000", "engine_memory_mb", 16_000),
    ("ENGINE_HOSTS_ALLOWED", "B.local, [::1]:9000", "engine_hosts_allowed", ("b.local", "[::1]:9000")),
    ("ENGINE_SECRET", "0123456789abcdef", "engine_secret", Secret(hidden="0123456789abcdef")),
    ("ENGINE_REST_S", "5", "engine_rest_s", 5),
    ("MARKET_DATA", "auto", "market_data", "auto"),
    ("MARKET_DATA", "alert", "market_data", "alert"),
    ("MARKET_DATA", "ccxt:kraken", "market_data", "ccxt:kraken"),
    ("MARKET_DATA", "alpaca", "market_data", "alpaca"),
    ("BROKER", "paper", "broker", "paper"),
    ("BROKER", "ccxt:binance", "broker", "ccxt:binance"),
    ("BROKER", "alpaca:paper", "broker", "alpaca:paper"),
    ("BROKER_KEY", "a key", "broker_key", Secret(hidden="a key")),
    ("BROKER_SECRET", "a secret", "broker_secret", Secret(hidden="a secret")),
    ("VENUE_URL", "https://testnet.binance.vision", "venue_url", "https://testnet.binance.vision"),
    ("VENUE_URL", "http://127.0.0.1:4000", "venue_url", "http://127.0.0.1:4000"),
    ("MAX_OPEN_PER_SYMBOL", "3", "max_open_per_symbol", 3),
    ("REAL_MAX_AGE_S", "60", "real_max_age_s", 60),
    ("OVERLOAD_SIGNALS", "100", "overload_signals", 100),
    ("PROCESS_MEMORY_MB", "400", "process_memory_mb", 400),
    ("LOG_FORMAT", "json", "log_format", "json"),
    ("LOG_LEVEL", "DEBUG", "log_level", "DEBUG"),
    *(("EXECUTION_MODE", mode.value, "execution_mode", mode) for mode in ExecutionMode),
]

NEEDED = {
    "SENDER_ADDRESSES": {"TRUSTED_PROXIES": "1"},
    "CLIENT_CERTIFICATE_HEADER": {"TRUSTED_PROXIES": "1"},
}

BAD: list[tuple[str, str, str]] = [
    ("DATABASE_URL", "mysql://host/db", "a URL that starts with postgresql://"),
    ("DATABASE_URL", "host", "a URL that starts with postgresql://"),
    ("MIGRATION_DATABASE_URL", "postgresql:host", "a URL that starts with postgresql://"),
    ("REDIS_URL", "http://host", "a URL that starts with redis://"),
    ("BROKER_URL", "kafka://host", "redis://, rediss://, unix://, sentinel://, amqp:// or amqps://"),
    ("BROKER_URL", "host:6379", "redis://, rediss://, unix://, sentinel://, amqp:// or amqps://"),
    ("BROKER_URL", "redis://a;redis://b", "several only as sentinel://"),
    ("BROKER_URL", "sentinel://a;b:26379", "several only as sentinel://"),
    ("BROKER_SENTINEL_MASTER", "a\x07b", "at most 100 printable characters"),
    ("DATA_DIR", "somewhere/here", "an absolute path"),
    ("BIND", "every where", "an address such as 127.0.0.1"),
    ("PUBLIC_URL", "alerts.example.org", "a URL that starts with http://"),
    ("SECRET_KEY", "short", "at least 16 characters"),
    ("API_TOKEN", "t" * 31, "at least 32 printable characters"),
    ("API_TOKEN", "\u00e9" * 32, "at least 32 printable characters"),
    ("EXECUTION_MODE", "A_PRIMARY", "one of SHADOW_ONLY, ENGINE_A_PRIMARY, ENGINE_B_PRIMARY, SPLIT_CAPITAL"),
    ("EXECUTION_MODE", "shadow_only", "one of SHADOW_ONLY"),
    ("POLICY_VERSION", "a\x07b", "at most 100 printable characters"),
    ("POLICY_VERSION", "v" * 101, "at most 100 printable characters"),
    ("SPLIT_PERCENTAGE", "50", "write 0.5 for fifty percent, not 50"),
    ("SPLIT_PERCENTAGE", "-0.1", "a share between 0 and 1 with at most 6 decimals"),
    ("SPLIT_PERCENTAGE", "0.1234567", "a share between 0 and 1 with at most 6 decimals"),
    ("SPLIT_PERCENTAGE", "50%", "a share between 0 and 1 with at most 6 decimals"),
    ("SPLIT_PERCENTAGE", "NaN", "a share between 0 and 1 with at most 6 decimals"),
    ("SIGNAL_POLL_INTERVAL_MS", "99", "a whole number from 100 to 60000"),
    ("MAX_SIGNALS_PER_BATCH", "0", "a whole number from 1 to 10000"),
    ("WORKER_BACKOFF_MS", "1.5", "a whole number from 10 to 600000"),
    ("LEASE_S", "0", "a whole number from 1 to 3600"),
    ("CANARY_EVERY_S", "0", "a whole number from 1 to 3600"),
    ("QUEUE_SILENT_S", "never", "a whole number from 1 to 86400"),
    ("TRUSTED_PROXIES", "11", "a whole number from 0 to 10"),
    ("SENDER_ADDRESSES", "somewhere", "addresses or networks such as 203.0.113.7"),
    ("SENDER_ADDRESSES", "10.0.0.1/8", "addresses or networks such as 203.0.113.7"),
    ("CLIENT_CERTIFICATE_HEADER", "X-SSL-Subject", "letters and digits without dashes"),
    ("NOTIFY_HEARTBEAT_URL", "https://user:hunter2@a/b", "http(s)://host[:port]/path without a user"),
    ("NOTIFY_HOSTS_ALLOWED", "a,,b", "host or host:port, separated by commas"),
    ("NOTIFY_URLS", "ntfy://b hunter2", "URLs separated by blanks"),
    ("LEASE_S", "sixty", "a whole number from 1 to 3600"),
    ("LEASE_S", "٦٠", "a whole number from 1 to 3600"),
    ("ENGINE_A", "my engine", "rules, committee, package.module:factory, or http(s)://host"),
    ("ENGINE_B", "rulez", "rules, committee, package.module:factory, or http(s)://host"),
    ("ENGINE_B", "https://host/decide#part", "http(s)://host[:port]/path"),
    ("ENGINE_B", "ftp://host/decide", "http(s)://host[:port]/path"),
    ("ENGINE_B", "http:///decide", "http(s)://host[:port]/path"),
    ("ENGINE_B", "http://host:port/", "http(s)://host[:port]/path"),
    ("ENGINE_B", "http://host/#part", "http(s)://host[:port]/path"),
    ("ENGINE_HOSTS_ALLOWED", "a,,b", "host or host:port, separated by commas"),
    ("ENGINE_PATH", ":", "folders"),
    ("ENGINE_MEMORY_MB", "64", "256"),
    ("ENGINE_HOSTS_ALLOWED", "http://a", "host or host:port, separated by commas"),
    ("ENGINE_HOSTS_ALLOWED", "a:99999", "host or host:port, separated by commas"),
    ("ENGINE_SECRET", "short", "at least 16 printable characters"),
    ("ENGINE_A_DEADLINE_S", "0", "seconds from 0.1 to 60, such as 5 or 0.5"),
    ("ENGINE_A_DEADLINE_S", "5s", "seconds from 0.1 to 60, such as 5 or 0.5"),
    ("ENGINE_B_DEADLINE_S", "60.001", "seconds from 0.1 to 60, such as 5 or 0.5"),
    ("ENGINE_B_DEADLINE_S", "nan", "seconds from 0.1 to 60, such as 5 or 0.5"),
    ("ENGINE_A_CONCURRENCY", "0", "a whole number from 1 to 64"),
    ("ENGINE_B_CONCURRENCY", "65", "a whole number from 1 to 64"),
    ("ENGINE_REST_S", "0", "a whole number from 1 to 3600"),
    ("MARKET_DATA", "yahoo", "one of auto, alert"),
    ("BROKER", "casino", "one of paper"),
    ("BROKER", "ccxt:Binance", "such as ccxt:binance"),
    ("BROKER_KEY", "a\x07b", "printable characters"),
    ("BROKER_SECRET", "a\x07b", "printable characters"),
    ("VENUE_URL", "http://venue.example.org", "https://, or http:// on loopback"),
    ("VENUE_URL", "http://127.0.0.1.example.org", "https://, or http:// on loopback"),
    ("VENUE_URL", "https://user:password@venue.example.org", "https://, or http:// on loopback"),
    ("MAX_OPEN_PER_SYMBOL", "-1", "a whole number from 1 to 100000"),
    ("REAL_MAX_AGE_S", "0", "a whole number from 1 to 86400"),
    ("OVERLOAD_SIGNALS", "0", "a whole number from 1 to 10000000"),
    ("LOG_FORMAT", "xml", "one of auto, console, json"),
    ("LOG_LEVEL", "info", "one of DEBUG, INFO, WARNING, ERROR"),
    ("PROCESS_MEMORY_MB", "12", "a whole number from 64 to 1000000"),
]


@pytest.mark.parametrize(("name", "value", "field", "expected"), GOOD)
def test_a_good_value_is_taken_and_its_source_told(name: str, value: str, field: str, expected: object) -> None:
    environ = {name: f" {value} "} | NEEDED.get(name, {})

    loaded = settings.load(environ)

    assert getattr(loaded, field) == expected
    assert {variable for variable, source in loaded.sources.items() if source == "environment"} == set(environ)


@pytest.mark.parametrize(("name", "value", "allowed"), BAD)
def test_a_bad_value_stops_the_start_naming_the_variable_the_value_and_what_is_allowed(
    name: str, value: str, allowed: str
) -> None:
    with pytest.raises(SettingInvalid) as caught:
        settings.load({name: value})

    assert caught.value.name == name
    assert str(caught.value).startswith(f"{name}=")
    assert allowed in str(caught.value)
    assert repr(value) in str(caught.value) or name in HIDDEN or "@" in value


@pytest.mark.parametrize("proxies", ["", "0"])
def test_a_header_that_no_proxy_of_ours_sets_says_nothing_of_a_certificate(proxies: str) -> None:
    with pytest.raises(
        SettingInvalid, match=f"TRUSTED_PROXIES='{proxies}' is not allowed: at least 1 with CLIENT_CERT"
    ):
        settings.load({"CLIENT_CERTIFICATE_HEADER": "ClientSubject", "TRUSTED_PROXIES": proxies})


@pytest.mark.parametrize("engine", ["https://engine.example/decide", "my.package:make"])
def test_a_lease_too_short_to_be_renewed_while_an_engine_is_waited_for_is_refused(engine: str) -> None:
    with pytest.raises(
        SettingInvalid, match="LEASE_S='9' is not allowed: at least 10 with an engine that is not built in"
    ):
        settings.load({"LEASE_S": "9", "ENGINE_B": engine})

    assert settings.load({"LEASE_S": "10", "ENGINE_B": engine}).lease_s == 10
    assert settings.load({"LEASE_S": "3"}).lease_s == 3


def test_every_variable_was_tried_with_a_good_and_a_bad_value() -> None:
    known = set(settings.load({}).sources)

    assert {name for name, *_ in GOOD} == {name for name, *_ in BAD} == known


def test_without_any_variable_the_defaults_hold() -> None:
    loaded = settings.load({})

    expected = {
        "database_url": None,
        "migration_database_url": None,
        "redis_url": None,
        "broker_url": None,
        "broker_sentinel_master": "mymaster",
        "data_dir": None,
        "bind": "127.0.0.1",
        "public_url": None,
        "sender_addresses": None,
        "trusted_proxies": None,
        "client_certificate_header": None,
        "notify_urls": (),
        "notify_heartbeat_url": None,
        "notify_hosts_allowed": (),
        "secret_key": None,
        "api_token": None,
        "execution_mode": ExecutionMode.ENGINE_A_PRIMARY,
        "policy_version": "v1",
        "split_ppm": 500_000,
        "signal_poll_interval_ms": 1000,
        "max_signals_per_batch": 500,
        "worker_backoff_ms": 1000,
        "lease_s": 60,
        "canary_every_s": 15,
        "queue_silent_s": None,
        "engine_a": "rules",
        "engine_b": "committee",
        "engine_a_deadline_s": 5.0,
        "engine_b_deadline_s": 5.0,
        "engine_a_concurrency": None,
        "engine_b_concurrency": None,
        "engine_path": (),
        "engine_memory_mb": 4096,
        "engine_hosts_allowed": (),
        "engine_secret": None,
        "engine_rest_s": 30,
        "market_data": "auto",
        "broker": "paper",
        "broker_key": None,
        "broker_secret": None,
        "venue_url": None,
        "max_open_per_symbol": 10,
        "real_max_age_s": 300,
        "overload_signals": 5000,
        "process_memory_mb": 768,
        "log_format": "auto",
        "log_level": "INFO",
        "failpoint_dir": None,
    }
    assert {
        attribute.name: getattr(loaded, attribute.name) for attribute in fields(Settings) if attribute.name != "sources"
    } == expected
    assert set(loaded.sources.values()) == {"default"}


@pytest.mark.parametrize("value", ["", "   "])
def test_an_empty_value_counts_as_none(value: str) -> None:
    loaded = settings.load({"LEASE_S": value, "DATABASE_URL": value})

    assert (loaded.lease_s, loaded.database_url) == (60, None)


def test_the_broker_is_the_redis_unless_it_is_named() -> None:
    assert settings.load({"REDIS_URL": "redis://host/3"}).broker_url == "redis://host/3"
    assert settings.load({"REDIS_URL": "redis://host", "BROKER_URL": "redis://b"}).broker_url == "redis://b"


def test_the_broker_on_a_unix_socket_is_spelled_as_celery_does() -> None:
    loaded = settings.load({"REDIS_URL": "unix:///run/redis.sock?db=2"})

    assert loaded.redis_url == "unix:///run/redis.sock?db=2"
    assert loaded.broker_url == "redis+socket:///run/redis.sock?virtual_host=2"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_sqlalchemy_is_told_its_driver(scheme: str) -> None:
    loaded = settings.load({"DATABASE_URL": f"{scheme}://u:p@host/db?sslmode=require"})

    assert loaded.sqlalchemy_url == "postgresql+psycopg://u:p@host/db?sslmode=require"


def test_sqlalchemy_without_a_database_names_the_variable() -> None:
    with pytest.raises(SettingInvalid, match="DATABASE_URL"):
        _ = settings.load({}).sqlalchemy_url


def test_failpoints_take_effect_only_where_they_are_switched_on() -> None:
    assert settings.load({"FAILPOINT_DIR": "/tmp/points"}).failpoint_dir is None
    assert settings.load({"FAILPOINTS": "0", "FAILPOINT_DIR": "/tmp/points"}).failpoint_dir is None
    assert settings.load({"FAILPOINTS": "1", "FAILPOINT_DIR": "/tmp/points"}).failpoint_dir == Path("/tmp/points")


@pytest.mark.property_id(44)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://user:hunter2@host/db"),
        ("DATABASE_URL", "mysql://user:hunter2@hunter2@host/db"),
        ("DATABASE_URL", "user:hunter2@host/db"),
        ("DATABASE_URL", "postgresql:/user:hunter2@host/db"),
        ("REDIS_URL", "http://:hunter2@host"),
        ("BROKER_URL", "ampq://user:hunter2@host"),
        ("ENGINE_B", "https://user:hunter2@host/decide"),
        ("BROKER_URL", "sentinel://:hunter2@a;redis://:hunter2@b"),
        ("SECRET_KEY", "hunter2"),
        ("API_TOKEN", "hunter2"),
        ("BROKER_SECRET", "hunter2\x07"),
        ("VENUE_URL", "https://user:hunter2@host"),
        ("NOTIFY_URLS", "mailto:hunter2@host"),
        ("NOTIFY_HEARTBEAT_URL", "mailto:hunter2@host"),
    ],
)
def test_the_message_about_a_bad_value_keeps_its_secret(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid) as caught:
        settings.load({name: value})

    assert "hunter2" not in str(caught.value)


@pytest.mark.property_id(44)
def test_the_keys_of_a_venue_are_not_shown() -> None:
    loaded = settings.load({"BROKER_KEY": "hunter2", "BROKER_SECRET": "hunter2"})

    assert "hunter2" not in f"{loaded!r} {loaded.broker_key} {loaded.broker_secret!r}"
    assert loaded.broker_secret is not None
    assert loaded.broker_secret.reveal() == "hunter2"


def test_printed_settings_keep_their_secrets() -> None:
    urls = {name: f"postgresql://user:hunter2@{name}" for name in ("DATABASE_URL", "MIGRATION_DATABASE_URL")}
    brokers = {name: f"redis://:hunter2@{name}" for name in ("REDIS_URL", "BROKER_URL")}

    loaded = settings.load({**urls, **brokers, "SECRET_KEY": "hunter2 hunter2 hunter2"})

    assert "hunter2" not in repr(loaded)


@pytest.mark.property_id(33)
@given(st.integers(0, 1_000_000))
def test_every_share_with_six_decimals_is_a_split(ppm: int) -> None:
    written = f"{Decimal(ppm) / 1_000_000:f}"

    assert settings.load({"SPLIT_PERCENTAGE": written}).split_ppm == ppm


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, 120),
        ({"LEASE_S": "3"}, 60),
        ({"LEASE_S": "3", "QUEUE_SILENT_S": "90"}, 90),
        ({"QUEUE_SILENT_S": "5", "CANARY_EVERY_S": "2"}, 6),
    ],
)
def test_a_queue_may_be_silent_for_two_leases_but_never_for_less_than_three_canaries(
    environ: dict[str, str], seconds: int
) -> None:
    assert settings.load(environ).silent_after_s == seconds
