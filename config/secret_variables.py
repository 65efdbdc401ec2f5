"""The environment variables that hold secrets, and which processes need which of them."""

from __future__ import annotations

from collections.abc import Mapping

_MESSAGING = frozenset({"REDIS_URL", "BROKER_URL"})
_FLOWER = frozenset({"FLOWER_BASIC_AUTH", "FLOWER_BROKER_API"})
# The address of a venue or of a notification may hold a password or a key; the database's client reads PG...
SECRET_VARIABLES = (
    frozenset(
        {
            "DATABASE_URL",
            "MIGRATION_DATABASE_URL",
            "SECRET_KEY",
            "API_TOKEN",
            "NOTIFY_URLS",
            "NOTIFY_HEARTBEAT_URL",
            "ENGINE_SECRET",
            "BROKER_KEY",
            "BROKER_SECRET",
            "VENUE_URL",
            "POSTGRES_PASSWORD",
            "PGPASSWORD",
            "PGPASSFILE",
            "PGSERVICEFILE",
        }
    )
    | _MESSAGING
    | _FLOWER
)
# All processes check these at their start; the address of an engine may hold a password.
_ENGINE_ADDRESSES = frozenset({"ENGINE_A", "ENGINE_B"})
# Of the processes that show or send messages only. All others get every variable.
_NEEDED_BY = {"beat": _MESSAGING, "flower": _MESSAGING | _FLOWER}


def remove_needless_secrets(environment: Mapping[str, str], *, process: str) -> dict[str, str]:
    """Return the environment without the secrets that this process of the Procfile has no use for."""
    needed = _NEEDED_BY.get(process, SECRET_VARIABLES)
    return {name: value for name, value in environment.items() if name in needed or name not in SECRET_VARIABLES}


def remove_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without any secret of the product, for programs that are not ours."""
    hidden = SECRET_VARIABLES | _ENGINE_ADDRESSES
    return {name: value for name, value in environment.items() if name not in hidden}
