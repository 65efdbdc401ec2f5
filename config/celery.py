"""How Celery is set up: hints travel by queue, Postgres carries the guarantee."""

from __future__ import annotations

from typing import Any

from redis.backoff import NoBackoff
from redis.retry import Retry

from config.settings import Settings
from config.values import SettingInvalid

BROKER_TIMEOUT_S = 0.5
LONGEST_WAIT_S = 2.0
SOFT_LIMIT_SHARE = 40 / 60
HARD_LIMIT_SHARE = 50 / 60
# Each of Flower's inspecting threads holds a connection while it waits for another: with few they wait for ever.
POOL_LIMIT = 32
_HEARTBEAT_S = 10
_CHILD_STARTS_WITHIN_S = 45.0
# The connection that a pool kept may be dead by now: one more try with a fresh one, without a pause.
_ONCE_MORE = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}


def configuration(settings: Settings) -> dict[str, Any]:
    """Return Celery's configuration: early ack, prefetch 1, JSON, no results, limits below the lease.

    Sending takes about a second at most, whatever the state of the broker.
    """
    if settings.broker_url is None:
        raise SettingInvalid("BROKER_URL", "", "neither BROKER_URL nor REDIS_URL is set and no Redis was started")
    return _broker(settings) | _tasks(settings) | _worker()


def _broker(settings: Settings) -> dict[str, Any]:
    return {
        "broker_url": settings.broker_url,
        "broker_connection_retry_on_startup": True,
        # None: until the broker is back. By default a worker gives up after a hundred tries.
        "broker_connection_max_retries": None,
        "broker_connection_timeout": BROKER_TIMEOUT_S,
        "broker_heartbeat": _HEARTBEAT_S,
        "broker_pool_limit": POOL_LIMIT,
        "broker_pool_acquire_timeout": BROKER_TIMEOUT_S,
        "broker_transport_options": transport_options(settings) | _ONCE_MORE,
        # Two workers of one name, such as the old and the new one of a restart, may both listen for commands.
        "control_queue_exclusive": False,
        "control_queue_durable": True,
    }


def _tasks(settings: Settings) -> dict[str, Any]:
    return {
        "task_publish_retry": True,
        "task_publish_retry_policy": _ONCE_MORE,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_acks_late": False,
        "task_soft_time_limit": settings.lease_s * SOFT_LIMIT_SHARE,
        "task_time_limit": settings.lease_s * HARD_LIMIT_SHARE,
        "task_track_started": False,
        "task_send_sent_event": False,
        "task_create_missing_queues": False,
        "timezone": "UTC",
        "enable_utc": True,
    }


def _worker() -> dict[str, Any]:
    return {
        "worker_prefetch_multiplier": 1,
        "worker_detect_quorum_queues": True,
        # A child that wires its parts starts engines of one's own; by default it has four seconds.
        "worker_proc_alive_timeout": _CHILD_STARTS_WITHIN_S,
        "worker_send_task_events": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
    }


def transport_options(settings: Settings) -> dict[str, Any]:
    """Return what the broker's transport is told.

    The socket timeout bounds what is sent and asked. It does not end a worker's wait for messages: BRPOP and SUBSCRIBE
    are read only once the event loop has seen that something came.
    """
    if settings.broker_is_rabbitmq:
        return {"confirm_publish": True}
    options: dict[str, Any] = {
        "socket_timeout": BROKER_TIMEOUT_S,
        "socket_connect_timeout": BROKER_TIMEOUT_S,
        "health_check_interval": 10,
        "visibility_timeout": 3600,
    }
    if settings.broker_is_sentinel:
        # The next Sentinel is asked at once; a client of its own default tries a dead one for many seconds.
        patience = {
            "socket_timeout": BROKER_TIMEOUT_S,
            "socket_connect_timeout": BROKER_TIMEOUT_S,
            "retry": Retry(NoBackoff(), 0),
        }
        options |= {"master_name": settings.broker_sentinel_master, "sentinel_kwargs": patience}
    return options


def queue_arguments(settings: Settings) -> dict[str, Any]:
    """Return how queues are declared: replicated and durable on RabbitMQ, plain elsewhere.

    RabbitMQ 4 drops a message after 20 redeliveries. Ours are acknowledged before the work starts, so they are
    redelivered only when a worker dies between taking and acknowledging one; the sweep would send a dropped one anew.
    """
    return {"x-queue-type": "quorum"} if settings.broker_is_rabbitmq else {}
