"""Limits of the process that runs an engine of your own, set before its code is imported.

They keep a mistake in an engine from harming the rest of the machine. They are no sandbox: such code may still open
connections, and read and write whatever its user may.
"""

from __future__ import annotations

import ctypes
import fcntl
import importlib.util
import os
import pwd
import resource
import select
import signal
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MEMORY_VARIABLE = "ENGINE_MEMORY_MB"
DEFAULT_MEMORY_MB = 4096
LIFELINE_VARIABLE = "ENGINE_LIFELINE_FD"
MAX_OPEN_FILES = 512
MAX_MORE_PROCESSES = 256
_UNPRIVILEGED = "nobody"
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 24, 38
# From linux/capability.h: numbers go to 63; three sets (effective, permitted, inheritable) of two words each.
_CAPABILITIES, _CAPABILITY_VERSION_3, _CAPABILITY_SETS = 64, 0x20080522, 2 * 3 * 4


def tie_to_host() -> None:
    """Have the kernel kill this process and its children when the host's end of the lifeline closes, however it ends.

    Linux only. A thread of ours would not do: an engine inside a C function may keep every thread from running.
    """
    if LIFELINE_VARIABLE not in os.environ or not hasattr(fcntl, "F_SETSIG"):
        return
    lifeline = int(os.environ.pop(LIFELINE_VARIABLE))
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    if select.select([lifeline], [], [], 0)[0]:
        os._exit(1)


def give_up_root(module: str) -> None:
    """As root, become the account `nobody`, or without its access to engine and interpreter, root without privileges.

    Root without capabilities owns root's files, but can neither look into other processes nor change its user.
    """
    if os.geteuid() != 0:
        return
    account = _find_account()
    if account is not None and _can_account_read(module, account):
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    else:
        _drop_capabilities()


def limit_resources() -> None:
    """Limit address space, open files, further processes and core dumps of this process and its children."""
    memory = int(os.environ.get(MEMORY_VARIABLE) or DEFAULT_MEMORY_MB) * 1024 * 1024
    _lower_limit(resource.RLIMIT_CORE, 0)
    _lower_limit(resource.RLIMIT_NOFILE, MAX_OPEN_FILES)
    _lower_limit(resource.RLIMIT_AS, memory)
    if (running := _count_threads(os.geteuid())) is not None:
        # The kernel counts all threads of the user, those outside this process too.
        _lower_limit(resource.RLIMIT_NPROC, running + MAX_MORE_PROCESSES)


def _lower_limit(kind: int, value: int) -> None:
    """Set soft and hard limit, unless a lower one holds already; some systems do not have every limit."""
    with suppress(ValueError, OSError):
        present = resource.getrlimit(kind)[1]
        limit = value if present == resource.RLIM_INFINITY else min(value, present)
        resource.setrlimit(kind, (limit, limit))


def _find_account() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(_UNPRIVILEGED)
    except KeyError:
        return None


def _can_account_read(module: str, account: pwd.struct_passwd) -> bool:
    """Return whether the account can enter the folders of the import path and read the module's first package."""
    folders = [folder for folder in (sys.base_prefix, sys.prefix, *sys.path) if Path(folder).is_dir()]
    files = _find_files(module.partition(".")[0])
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(account.pw_gid)
    os.seteuid(account.pw_uid)
    try:
        can_enter = all(os.access(folder, os.R_OK | os.X_OK, effective_ids=True) for folder in folders)
        return can_enter and all(os.access(file, os.R_OK, effective_ids=True) for file in files)
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def _find_files(package: str) -> list[str]:
    """Return the file of a top-level module, or the folders of a package without one; an import tells what is wrong."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    return [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())


def _drop_capabilities() -> None:
    """Give up all capabilities for good, also those of programs that are started (Linux)."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(_CAPABILITIES):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    libc.capset(header, bytes(_CAPABILITY_SETS))


def _count_threads(uid: int) -> int | None:
    """Return the number of threads that a user has, None where /proc does not tell."""
    if not Path("/proc/self/status").exists():
        return None
    return sum(_threads_of(status) for status in _read_statuses() if int(status.get("Uid", "-1").split()[0]) == uid)


def _threads_of(status: dict[str, str]) -> int:
    return int(status.get("Threads", "1"))


def _read_statuses() -> Iterator[dict[str, str]]:
    """Yield what /proc tells of each process; processes that end meanwhile are left out."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                lines = (folder / "status").read_text(errors="replace").splitlines()
                yield dict(line.split(":\t", 1) for line in lines if ":\t" in line)
