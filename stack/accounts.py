"""The account that the embedded servers run as: the caller's, or an unprivileged one when the caller is root."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from stack.errors import StackRefused

_PREFERRED = ("postgres", "nobody", "daemon")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """An existing entry of the user database."""

    name: str
    uid: int
    gid: int


def choose_service_account(owned: Path | None = None) -> ServiceAccount | None:
    """Return the account for the servers, None when they run as the caller.

    `owned` is a data directory that may exist: its owner is kept, because Postgres requires it.

    Raises:
        StackRefused: when root finds no unprivileged account to drop to.
    """
    if os.geteuid() != 0:
        return None
    owner = _account_of_owner(owned)
    if owner is not None:
        return owner
    for name in _PREFERRED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServiceAccount(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise StackRefused(
        "Postgres does not run as root, and no account named " + " or ".join(_PREFERRED) + " exists here; "
        "start as an ordinary user, or set DATABASE_URL"
    )


def _account_of_owner(path: Path | None) -> ServiceAccount | None:
    """Return the account that owns a path; None when it does not exist or belongs to root."""
    if path is None or not path.exists() or path.stat().st_uid == 0:
        return None
    uid = path.stat().st_uid
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise StackRefused(
            f"{path} belongs to user id {uid}, which has no entry in the user database; "
            "give it back with chown, or use another --data-dir"
        ) from None
    return ServiceAccount(name=entry.pw_name, uid=uid, gid=entry.pw_gid)


def can_enter(account: ServiceAccount, path: Path) -> bool:
    """Return whether the account can reach `path`: it may enter every existing directory on the way."""
    return find_closed_directory(account, path) is None


def find_closed_directory(account: ServiceAccount, path: Path) -> Path | None:
    """Return the first directory on the way to `path` (itself included) that the account cannot enter."""
    absolute = Path(os.path.realpath(path))
    for directory in (*reversed(absolute.parents), absolute):
        if directory.is_dir() and not _has_permission(account, directory, stat.S_IXUSR):
            return directory
    return None


def can_read(account: ServiceAccount, path: Path) -> bool:
    """Return whether the account can reach and read the file or list the directory at `path`."""
    return can_enter(account, path) and _has_permission(account, path, stat.S_IRUSR)


def _has_permission(account: ServiceAccount, path: Path, user_bit: int) -> bool:
    """Return whether the account has the permission `user_bit` on a path, as its user, group or other."""
    status = path.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & user_bit)
    if status.st_gid == account.gid:
        return bool(status.st_mode & user_bit >> 3)
    return bool(status.st_mode & user_bit >> 6)


def give_directory(path: Path, account: ServiceAccount | None, *, mode: int = 0o700) -> Path:
    """Create the directory if missing, make the account (None: the caller) its owner, and set its mode."""
    path.mkdir(parents=True, exist_ok=True)
    if account is not None:
        os.chown(path, account.uid, account.gid)
    path.chmod(mode)
    return path
