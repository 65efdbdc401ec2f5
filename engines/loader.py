"""Loading of the engine that a setting names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from config import urls
from config.values import SettingInvalid
from domain.ports import Engine
from engines.committee import CommitteeEngine
from engines.hosted import START_DEADLINE_S, EngineFailed, EngineNotUsable, EngineTimeout
from engines.hosted_pool import HostedPool
from engines.remote import CONCURRENCY, RemoteEngine, RemoteEngineSettings
from engines.rules import RulesEngine
from trading_orchestrator.engine_limits import DEFAULT_MEMORY_MB

NAMES = "rules, committee, package.module:factory, or an http(s):// URL"
_OWN_ENGINE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


class EngineNotLoadable(SettingInvalid):
    """A setting names no engine that can be used; the message holds the setting, its value and the reason."""


def load(
    spec: str,
    *,
    variable: str = "ENGINE",
    path: Sequence[Path] = (),
    start_deadline_s: float = START_DEADLINE_S,
    remote: RemoteEngineSettings = RemoteEngineSettings(),  # noqa: B008 - a frozen value
    concurrency: int | None = None,
    memory_mb: int = DEFAULT_MEMORY_MB,
) -> Engine:
    """Return the engine named `rules`, `committee`, `package.module:factory` (hosted and started) or by its URL.

    A remote engine is not contacted yet. A hosted engine whose process is slow to start or dies is returned
    nevertheless: it is not available, and is started again when it is asked. `path` holds the folders with its code.
    `concurrency` is how many processes a hosted engine has (default 1), or how many requests are sent to a remote one
    at once (default 8); `memory_mb` is the address space of each such process. `variable` is the setting's name, for
    messages.

    Raises:
        EngineNotLoadable: when the text is no such name, the module cannot be imported, or the factory gives no engine.
    """
    if spec == RulesEngine.name:
        return RulesEngine()
    if spec == CommitteeEngine.name:
        return CommitteeEngine()
    if spec.startswith(("http://", "https://")):
        return _build_remote(spec, variable=variable, settings=remote, concurrency=concurrency or CONCURRENCY)
    if not _OWN_ENGINE.fullmatch(spec):
        raise EngineNotLoadable(variable, spec, NAMES)
    pool = HostedPool(
        spec, processes=concurrency or 1, path=path, start_deadline_s=start_deadline_s, memory_mb=memory_mb
    )
    return _start_hosted(pool, spec=spec, variable=variable)


def _build_remote(spec: str, *, variable: str, settings: RemoteEngineSettings, concurrency: int) -> RemoteEngine:
    try:
        return RemoteEngine(spec, settings, concurrency=concurrency)
    except ValueError as error:
        raise EngineNotLoadable(variable, urls.hide_password(spec), str(error)) from None


def _start_hosted(engine: HostedPool, *, spec: str, variable: str) -> HostedPool:
    try:
        with suppress(EngineTimeout, EngineFailed):
            engine.start()
    except EngineNotUsable as error:
        raise EngineNotLoadable(variable, spec, f"the engine cannot be used: {error}") from None
    return engine
