"""Where the stack keeps its data: the root, its instances `main` and `demo`, and what is secret in them.

An instance directory holds one database, one Redis, `secret_key`, `flower_password`, `admin_password`, `api_token`,
`run.json` and `log/`.
The root holds the instances and `current`, the name of the one that was used last.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from config.settings import Settings
from stack import accounts
from stack.accounts import Account
from stack.errors import StackRefused

_NAME = "trading-orchestrator"
ADMIN_PASSWORD = "admin_password"  # noqa: S105 - the name of the file
_SECRETS = ("secret_key", "flower_password", ADMIN_PASSWORD, "api_token")
_SHARED = Path("/var/lib") / _NAME
# A unix socket path ends at 104 bytes on macOS and at 108 on Linux.
_LONGEST_SOCKET_DIRECTORY = 70


def root(settings: Settings) -> Path:
    """Name the data root: DATA_DIR, else the per-user data directory.

    As root with a home that the service account cannot enter it is a directory under /var/lib, one per home.
    """
    if settings.data_dir is not None:
        return settings.data_dir
    personal = _personal()
    account = accounts.service_account()
    if account is None or accounts.may_enter(account, personal):
        return personal
    return _SHARED / hashlib.sha256(str(Path.home()).encode()).hexdigest()[:12]


def _personal() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / _NAME
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / _NAME


def instance(settings: Settings, name: str) -> Path:
    """Name the directory of the instance `main` or `demo`; it need not exist."""
    return root(settings) / name


def prepare(directory: Path, account: Account | None) -> None:
    """Make an instance directory, with its parents: the account may pass through, others may not list them."""
    fresh = [one for one in (directory, *directory.parents) if not one.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    for made in fresh:
        made.chmod(0o711 if account is not None else 0o700)


def require_passable(directory: Path, account: Account | None) -> None:
    """Return when the account can enter the directory.

    Raises:
        StackRefused: naming the directory on the way that it cannot enter.
    """
    closed = accounts.closed_directory(account, directory) if account is not None else None
    if account is not None and closed is not None:
        raise StackRefused(
            f"the embedded servers run as {account.name}, and {closed} is closed to that account; "
            f"open it (chmod o+x {closed}), or give another place with --data-dir or DATA_DIR"
        )


def wipe(directory: Path) -> None:
    """Remove what an instance keeps, and nothing that is not an instance's."""
    for name in ("postgres", "redis", "log"):
        shutil.rmtree(directory / name, ignore_errors=True)
    for file in (*(directory / name for name in _SECRETS), *directory.glob("beat-schedule*")):
        file.unlink(missing_ok=True)


def point_current(settings: Settings, directory: Path) -> None:
    """Remember `directory` as the instance that data commands use by default."""
    base = root(settings)
    base.mkdir(parents=True, exist_ok=True)
    _write_private(base / "current", f"{directory}\n")


def current(settings: Settings) -> Path | None:
    """Return the instance that was used last, None when there was none yet."""
    pointer = root(settings) / "current"
    text = pointer.read_text(encoding="utf-8").strip() if pointer.exists() else ""
    return Path(text) if text else None


def with_secret_key(settings: Settings, directory: Path) -> Settings:
    """Return the settings with a secret key: the configured one, else the instance's own, made on first use."""
    if settings.secret_key is not None:
        return settings
    return replace(settings, secret_key=generated(directory / "secret_key", length=32)[0])


def flower_password(directory: Path) -> tuple[str, bool]:
    """Return the password of Flower's user, and whether it was made just now and is yet to be shown."""
    return generated(directory / "flower_password", length=12)


def admin_password(directory: Path) -> tuple[str, bool]:
    """Return the password of the console's first user, and whether it was made just now and is yet to be shown."""
    return generated(directory / ADMIN_PASSWORD, length=12)


def api_token(directory: Path) -> str:
    """Return the token of the HTTP API, made on first use; it is shown nowhere but in its file."""
    return generated(directory / "api_token", length=32)[0]


def generated(path: Path, *, length: int) -> tuple[str, bool]:
    """Return the secret in the file and whether it is new; it is made from `length` random bytes, mode 0600."""
    if path.exists():
        return path.read_text(encoding="ascii").strip(), False
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_private(path, secrets.token_urlsafe(length) + "\n", exclusive=True)
    # Whoever lost the race to create it reads what the winner wrote.
    return path.read_text(encoding="ascii").strip(), True


def _write_private(path: Path, text: str, *, exclusive: bool = False) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    if not exclusive:
        Path(name).replace(path)
        return
    try:
        os.link(name, path)
    except FileExistsError:
        return
    finally:
        Path(name).unlink()


def socket_directory(directory: Path, account: Account | None) -> Path:
    """Make a short directory for the sockets that only the servers' account and root can enter.

    Its name is kept in the instance, so that the next start removes what a killed one left behind.
    """
    drop_socket_directory(directory)
    base = Path(tempfile.gettempdir())
    if len(os.fsencode(base)) > _LONGEST_SOCKET_DIRECTORY - 12 or (account and not accounts.may_enter(account, base)):
        base = Path("/tmp")  # nosec B108 # noqa: S108 - a private directory of an unguessable name is made in it
    made = Path(tempfile.mkdtemp(prefix="to-", dir=base))
    _write_private(directory / "sockets", f"{made}\n")
    return accounts.hand_over(made, account)


def sockets_in_use(directory: Path) -> Path | None:
    """Return the instance's socket directory, None when it has none."""
    pointer = directory / "sockets"
    return Path(pointer.read_text(encoding="utf-8").strip()) if pointer.exists() else None


def drop_socket_directory(directory: Path) -> None:
    """Remove the instance's socket directory, when there is one."""
    path = sockets_in_use(directory)
    if path is None:
        return
    if path.name.startswith("to-") and path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    (directory / "sockets").unlink()
