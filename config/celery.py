"""Celery's configuration. Messages in queues are hints only: which work is due stands in Postgres."""

from __future__ import annotations

from typing import Any

from redis.backoff import NoBackoff
from redis.retry import Retry

from config import time_limits
from config.settings import Settings
from config.values import SettingInvalid

BROKER_TIMEOUT_S = 0.5
LONGEST_WAIT_S = 2.0
# Each of Flower's inspecting threads holds one connection while it waits for a second: a small pool deadlocks.
POOL_LIMIT = 32
LONGEST_BEAT_PAUSE_S = 1.0
_HEARTBEAT_S = 10
_CHILD_START_TIMEOUT_S = 45.0
# A pooled connection may have died since it was last used: retry once with a fresh one, without a pause.
_RETRY_ONCE = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}


def build_configuration(settings: Settings) -> dict[str, Any]:
    """Return Celery's configuration: early acknowledgement, prefetch 1, JSON, no results, time limits below the lease.

    Publishing a task takes about a second at most, also while the broker is down.

    Raises:
        SettingInvalid: when no broker is configured.
    """
    if settings.broker_url is None:
        raise SettingInvalid("BROKER_URL", "", "neither BROKER_URL nor REDIS_URL is set and no Redis was started")
    return _build_broker_options(settings) | _build_task_options(settings) | _build_worker_options(settings)


def _build_broker_options(settings: Settings) -> dict[str, Any]:
    """Return the options of connections to the message broker."""
    return {
        "broker_url": settings.broker_url,
        "broker_connection_retry_on_startup": True,
        # None: retry until the broker is back. By default a worker gives up after a hundred tries.
        "broker_connection_max_retries": None,
        # A Redis that has no memory or disk left refuses to write with an answer; a worker waits for it to end, too.
        "broker_channel_error_retry": not settings.broker_is_rabbitmq,
        "broker_connection_timeout": BROKER_TIMEOUT_S,
        "broker_heartbeat": _HEARTBEAT_S,
        "broker_pool_limit": POOL_LIMIT,
        "broker_pool_acquire_timeout": BROKER_TIMEOUT_S,
        "broker_transport_options": build_transport_options(settings) | _RETRY_ONCE,
        # During a restart the old and the new worker, which have one name, both listen for remote-control commands.
        "control_queue_exclusive": False,
        "control_queue_durable": True,
    }


def _build_task_options(settings: Settings) -> dict[str, Any]:
    """Return the options of tasks: acknowledgement, serialization and time limits."""
    limits = time_limits.task_limits(lease_s=settings.lease_s)
    return {
        "task_publish_retry": True,
        "task_publish_retry_policy": _RETRY_ONCE,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_acks_late": False,
        "task_soft_time_limit": limits.soft_s,
        "task_time_limit": limits.hard_s,
        "task_track_started": False,
        "task_send_sent_event": False,
        "task_create_missing_queues": False,
        "beat_max_loop_interval": LONGEST_BEAT_PAUSE_S,
        "timezone": "UTC",
        "enable_utc": True,
    }


def _build_worker_options(settings: Settings) -> dict[str, Any]:
    """Return the options of worker processes."""
    return {
        "worker_prefetch_multiplier": 1,
        "worker_max_memory_per_child": settings.process_memory_mb * 1024,
        "worker_detect_quorum_queues": True,
        # A child process also starts the processes of foreign engines; Celery's default allows it four seconds.
        "worker_proc_alive_timeout": _CHILD_START_TIMEOUT_S,
        "worker_send_task_events": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
    }


def build_transport_options(settings: Settings) -> dict[str, Any]:
    """Return the options of the broker's transport (RabbitMQ, Redis, or Redis found through Sentinel).

    The socket timeout bounds each request and its answer. It does not end a worker's wait for messages: the answers to
    BRPOP and SUBSCRIBE are read only once the event loop has seen that data arrived.
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
        # Fail over to the next Sentinel at once; by default the client retries a dead one for many seconds.
        sentinel_options = {
            "socket_timeout": BROKER_TIMEOUT_S,
            "socket_connect_timeout": BROKER_TIMEOUT_S,
            "retry": Retry(NoBackoff(), 0),
        }
        options |= {"master_name": settings.broker_sentinel_master, "sentinel_kwargs": sentinel_options}
    return options


def build_queue_arguments(settings: Settings) -> dict[str, Any]:
    """Return the arguments with which queues are declared: quorum queues on RabbitMQ, none elsewhere.

    RabbitMQ 4 drops a message after 20 redeliveries. Messages are acknowledged before the work starts, so they are
    redelivered only when a worker dies between receiving and acknowledging one; the sweep replaces a dropped message.
    """
    return {"x-queue-type": "quorum"} if settings.broker_is_rabbitmq else {}
