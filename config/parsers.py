"""Parsers of settings: each takes a variable's name and text, and returns the value or raises `SettingInvalid`."""

from __future__ import annotations

import os
import re
from decimal import Decimal, InvalidOperation
from ipaddress import ip_network
from pathlib import Path
from typing import Protocol, TypeVar

from config import urls
from config.values import Network, Secret, SettingInvalid
from domain.experiment import split_to_ppm
from domain.policy import ExecutionMode

Value_co = TypeVar("Value_co", covariant=True)

TRADINGVIEW_ADDRESSES = ("52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7")
BUILT_IN_ENGINES = ("rules", "committee")
_BROKER_SCHEMES = ("redis", "rediss", "redis+socket", "unix", "sentinel", "amqp", "amqps")


class SettingParser(Protocol[Value_co]):
    """A function that reads one setting."""

    def __call__(self, name: str, value: str, /) -> Value_co:
        """Return the value of the text.

        Raises:
            SettingInvalid: saying which values are allowed.
        """
        ...


def parse_host(name: str, value: str) -> str:
    """Return an address to listen on."""
    if not re.fullmatch(r"[A-Za-z0-9.:-]+", value):
        raise SettingInvalid(name, value, "an address such as 127.0.0.1 or 0.0.0.0")
    return value


def text_of_at_least(length: int) -> SettingParser[str]:
    """Return a parser of texts with at least `length` characters; its error does not repeat the text."""

    def parse_text(name: str, value: str) -> str:
        if len(value) < length:
            raise SettingInvalid(name, "…", f"at least {length} characters")
        return value

    return parse_text


def parse_label(name: str, value: str) -> str:
    """Return a text of at most 100 printable characters."""
    if len(value) > 100 or not value.isprintable():
        raise SettingInvalid(name, value, "at most 100 printable characters")
    return value


def parse_absolute_path(name: str, value: str) -> Path:
    """Return a path that does not depend on the working directory; `~` is the home directory."""
    path = Path(value).expanduser()
    if not path.is_absolute():
        raise SettingInvalid(name, value, "an absolute path")
    return path


def parse_folders(name: str, value: str) -> tuple[Path, ...]:
    """Return folders separated as in PATH; `~` is the home directory, relative ones are below the working directory."""
    folders = tuple(Path(folder).expanduser().absolute() for folder in value.split(os.pathsep) if folder.strip())
    if not folders:
        raise SettingInvalid(name, value, f"folders, separated by {os.pathsep!r}")
    return folders


def url_with_scheme(*schemes: str) -> SettingParser[str]:
    """Return a parser of URLs with one of these schemes."""

    def parse_url(name: str, value: str) -> str:
        if value.partition("://")[0] not in schemes or "://" not in value:
            raise SettingInvalid(name, urls.hide_password(value), f"a URL that starts with {schemes[0]}://")
        return value

    return parse_url


def parse_broker_url(name: str, value: str) -> str:
    """Return the URL of one message broker, or of several Sentinels separated by semicolons."""
    allowed = "a URL that starts with redis://, rediss://, unix://, sentinel://, amqp:// or amqps://"
    first, *others = (url.partition("://") for url in value.split(";"))
    if not first[1] or first[0] not in _BROKER_SCHEMES:
        raise SettingInvalid(name, urls.hide_password(value), allowed)
    if any(url[:2] != ("sentinel", "://") for url in others):
        raise SettingInvalid(name, urls.hide_password(value), "several only as sentinel://host:26379;sentinel://...")
    return value


def parse_execution_mode(name: str, value: str) -> ExecutionMode:
    """Return the execution mode of that name."""
    try:
        return ExecutionMode(value)
    except ValueError:
        raise SettingInvalid(name, value, "one of " + ", ".join(mode.value for mode in ExecutionMode)) from None


def parse_split(name: str, value: str) -> int:
    """Return a share from 0 to 1 in parts per million."""
    allowed = "a share between 0 and 1 with at most 6 decimals, such as 0.5 (write 0.5 for fifty percent, not 50)"
    try:
        return split_to_ppm(Decimal(value))
    except (InvalidOperation, ValueError):
        raise SettingInvalid(name, value, allowed) from None


def whole_number_between(low: int, high: int) -> SettingParser[int]:
    """Return a parser of whole numbers from `low` to `high`."""

    def parse_whole_number(name: str, value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise SettingInvalid(name, value, f"a whole number from {low} to {high}")
        return int(value)

    return parse_whole_number


def seconds_between(low: float, high: float) -> SettingParser[float]:
    """Return a parser of seconds from `low` to `high`, with at most three decimals."""

    def parse_seconds(name: str, value: str) -> float:
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", value) or not low <= float(value) <= high:
            raise SettingInvalid(name, value, f"seconds from {low:g} to {high:g}, such as 5 or 0.5")
        return float(value)

    return parse_seconds


def one_of(*words: str) -> SettingParser[str]:
    """Return a parser that takes one of these words."""

    def parse_word(name: str, value: str) -> str:
        if value not in words:
            raise SettingInvalid(name, value, "one of " + ", ".join(words))
        return value

    return parse_word


def parse_engine(name: str, value: str) -> str:
    """Return the name of a built-in engine, a factory as `package.module:factory`, or the URL of an engine."""
    is_factory = re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", value)
    if value in BUILT_IN_ENGINES or is_factory or urls.is_engine_url(value):
        return value
    allowed = "rules, committee, package.module:factory, or http(s)://host[:port]/path[#latency=SECONDS] without a user"
    raise SettingInvalid(name, urls.hide_password(value), allowed)


def parse_hosts(name: str, value: str) -> tuple[str, ...]:
    """Return hosts with or without a port, separated by commas."""
    hosts = tuple(host.strip().lower() for host in value.split(","))
    if not all(urls.is_host(host) for host in hosts):
        raise SettingInvalid(name, value, "host or host:port, separated by commas, IPv6 addresses in brackets")
    return hosts


def parse_networks(name: str, value: str) -> tuple[Network, ...]:
    """Return addresses and networks separated by commas; `tradingview` stands for TradingView's addresses."""
    networks = list[Network]()
    for part in (part.strip().lower() for part in value.split(",")):
        try:
            addresses = TRADINGVIEW_ADDRESSES if part == "tradingview" else (part,)
            networks += [ip_network(address) for address in addresses]
        except ValueError:
            allowed = "addresses or networks such as 203.0.113.7 or 10.0.0.0/8, or tradingview, separated by commas"
            raise SettingInvalid(name, value, allowed) from None
    return tuple(networks)


def venue_named(*names: str) -> SettingParser[str]:
    """Return a parser that takes one of these venues, or an exchange as `ccxt:<id>`."""

    def parse_venue(name: str, value: str) -> str:
        if value in names or re.fullmatch(r"ccxt:[a-z0-9_]+", value):
            return value
        raise SettingInvalid(name, value, "one of " + ", ".join((*names, "ccxt:<id>, such as ccxt:binance")))

    return parse_venue


def secret_of_at_least(length: int) -> SettingParser[Secret]:
    """Return a parser of secrets with at least `length` printable ASCII characters; its error does not repeat them."""

    def parse_secret(name: str, value: str) -> Secret:
        if len(value) < length or not (value.isascii() and value.isprintable()):
            raise SettingInvalid(name, "…", f"at least {length} printable characters of ASCII")
        return Secret(hidden=value)

    return parse_secret


def parse_venue_url(name: str, value: str) -> str:
    """Return the URL of a venue: https, or http on this machine for a simulated one."""
    if urls.is_venue_url(value):
        return value
    raise SettingInvalid(name, urls.hide_password(value), "a URL that starts with https://, or http:// on loopback")


def parse_header_name(name: str, value: str) -> str:
    """Return the name of an HTTP header, without `-` and `_`: web servers take `_` in a name for `-`."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,99}", value):
        raise SettingInvalid(name, value, "letters and digits without dashes, such as ClientCertificateSubject")
    return value


def parse_heartbeat_url(name: str, value: str) -> Secret:
    """Return a URL that may hold a secret in its path or query; the error does not repeat it."""
    if not urls.is_engine_url(value) or "#" in value:
        raise SettingInvalid(name, "…", "http(s)://host[:port]/path without a user")
    return Secret(hidden=value)


def parse_secret_urls(name: str, value: str) -> tuple[Secret, ...]:
    """Return URLs separated by blanks, each of which may hold a secret; the error repeats none of them."""
    parts = value.split()
    if not all(re.fullmatch(r"[a-z][a-z0-9+.-]*://[!-~]+", url) for url in parts):
        raise SettingInvalid(name, "…", "URLs separated by blanks, such as mailto://user:password@example.com")
    return tuple(Secret(hidden=url) for url in parts)
