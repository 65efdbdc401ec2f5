"""The data directory: its root, the instances `main` and `demo`, and the secrets in them.

An instance directory holds one database, one Redis, `secret_key`, `flower_password`, `admin_password`, `api_token`,
`run.json`, `venue_mark.json`, `reserve` and `log/`.
The root holds the instances and `current`, which names the instance that was used last.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from config.settings import Settings
from stack import accounts
from stack.accounts import ServiceAccount
from stack.errors import StackRefused

_NAME = "trading-orchestrator"
SECRET_KEY = "secret_key"  # noqa: S105 - the name of the file
ADMIN_PASSWORD = "admin_password"  # noqa: S105 - the name of the file
_SECRETS = ("secret_key", "flower_password", ADMIN_PASSWORD, "api_token")
_SHARED = Path("/var/lib") / _NAME
# A unix socket path ends at 104 bytes on macOS and at 108 on Linux.
_LONGEST_SOCKET_DIRECTORY = 70


def data_root(settings: Settings) -> Path:
    """Return the data root: DATA_DIR, else the per-user data directory.

    As root, with a home that the service account cannot enter, it is a directory under /var/lib, one per home.
    """
    if settings.data_dir is not None:
        return settings.data_dir
    personal = _personal_data_directory()
    account = accounts.choose_service_account()
    if account is None or accounts.can_enter(account, personal):
        return personal
    return _SHARED / hashlib.sha256(str(Path.home()).encode()).hexdigest()[:12]


def _personal_data_directory() -> Path:
    """Return the directory for our data in the user's home, by the convention of the operating system."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / _NAME
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / _NAME


def running_directory() -> Path:
    """Return the directory that lists the running stacks of this user, whatever DATA_DIR says."""
    return _personal_data_directory() / "running"


def instance_directory(settings: Settings, name: str) -> Path:
    """Return the directory of the instance `main` or `demo`; it need not exist."""
    return data_root(settings) / name


def create_instance(directory: Path, account: ServiceAccount | None) -> None:
    """Create an instance directory with its parents, which the account may enter and others may not list."""
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    for path in missing:
        path.chmod(0o711 if account is not None else 0o700)


def require_enterable(directory: Path, account: ServiceAccount | None) -> None:
    """Check that the account can enter the directory.

    Raises:
        StackRefused: naming the directory on the way that it cannot enter.
    """
    closed = accounts.find_closed_directory(account, directory) if account is not None else None
    if account is not None and closed is not None:
        raise StackRefused(
            f"the embedded servers run as {account.name}, and {closed} is closed to that account; "
            f"open it (chmod o+x {closed}), or give another place with --data-dir or DATA_DIR"
        )


def wipe_instance(directory: Path) -> None:
    """Remove the files of an instance, and nothing else in its directory."""
    for name in ("postgres", "redis", "log"):
        shutil.rmtree(directory / name, ignore_errors=True)
    for file in (*(directory / name for name in _SECRETS), *directory.glob("beat-schedule*")):
        file.unlink(missing_ok=True)


def remember_current(settings: Settings, directory: Path) -> None:
    """Store `directory` as the instance that data commands use by default; say so where that cannot be written."""
    base = data_root(settings)
    try:
        base.mkdir(parents=True, exist_ok=True)
        _write_private(base / "current", f"{directory}\n")
    except OSError as error:
        sys.stderr.write(f"{base / 'current'} cannot be written ({error}): name {directory} with --data-dir\n")


def read_current(settings: Settings) -> Path | None:
    """Return the instance that was used last, None when there was none yet."""
    text = _read_pointer(data_root(settings) / "current")
    return Path(text) if text else None


def ensure_secret_key(settings: Settings, directory: Path) -> Settings:
    """Return the settings with a secret key: the configured one, else the instance's own, generated on first use."""
    if settings.secret_key is not None:
        return settings
    return replace(settings, secret_key=ensure_secret_file(directory / "secret_key", length=32)[0])


def ensure_flower_password(directory: Path) -> tuple[str, bool]:
    """Return the password of Flower's user, and whether it was generated just now."""
    return ensure_secret_file(directory / "flower_password", length=12)


def ensure_admin_password(directory: Path) -> tuple[str, bool]:
    """Return the password of the console's first user, and whether it was generated just now."""
    return ensure_secret_file(directory / ADMIN_PASSWORD, length=12)


def ensure_api_token(directory: Path) -> str:
    """Return the token of the HTTP API, generated on first use; only its file shows it."""
    return ensure_secret_file(directory / "api_token", length=32)[0]


def ensure_secret_file(path: Path, *, length: int) -> tuple[str, bool]:
    """Return the secret in the file and whether it is new; it has `length` random bytes, the file mode 0600.

    A file that holds no secret is set aside, and a new one is made: no file of ours may stop a start.
    """
    known = _read_secret(path)
    if known:
        return known, False
    if known is not None:
        _set_aside(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_private(path, secrets.token_urlsafe(length) + "\n", exclusive=True)
    # A process that lost the race to create it reads what the winner wrote.
    return path.read_text(encoding="ascii").strip(), True


def _read_secret(path: Path) -> str | None:
    """Return the secret in a file: None without a file, empty when it holds anything but one printable word."""
    if not path.exists():
        return None
    text = path.read_bytes().decode("ascii", "replace").strip()
    return text if text.isprintable() and text.isascii() and len(text.split()) == 1 else ""


def _set_aside(path: Path) -> None:
    """Rename a damaged file, and print what was done and what follows."""
    kept = path.with_name(path.name + ".damaged")
    path.replace(kept)
    follows = "; source URLs and account keys must be issued again" if path.name == SECRET_KEY else ""
    sys.stderr.write(f"{path} was damaged: it is kept as {kept.name}, and a new one was made{follows}\n")


def _read_pointer(path: Path) -> str:
    """Return the path that a file names; empty when there is none, or the file is damaged."""
    try:
        text = path.read_bytes().decode("utf-8").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
    return text if text.isprintable() and text.startswith("/") else ""


def _write_private(path: Path, text: str, *, exclusive: bool = False) -> None:
    """Write a file of mode 0600 in one step; with `exclusive` an existing file is left as it is."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        Path(name).unlink()
        raise
    if not exclusive:
        Path(name).replace(path)
        return
    try:
        os.link(name, path)
    except FileExistsError:
        return
    finally:
        Path(name).unlink()


def create_socket_directory(directory: Path, account: ServiceAccount | None) -> Path:
    """Create a directory with a short path for the sockets, which only the servers' account and root can enter.

    Its path is stored in the instance, so that the next start removes the one of a killed stack; a disk that does not
    take it ends no start.
    """
    remove_socket_directory(directory)
    base = Path(tempfile.gettempdir())
    if len(os.fsencode(base)) > _LONGEST_SOCKET_DIRECTORY - 12 or (account and not accounts.can_enter(account, base)):
        base = Path("/tmp")  # nosec B108 # noqa: S108 - a private directory with a random name is created in it
    created = Path(tempfile.mkdtemp(prefix="to-", dir=base))
    with suppress(OSError):
        _write_private(directory / "sockets", f"{created}\n")
    return accounts.give_directory(created, account)


def read_socket_directory(directory: Path) -> Path | None:
    """Return the instance's socket directory, None when it has none."""
    text = _read_pointer(directory / "sockets")
    return Path(text) if text else None


def remove_socket_directory(directory: Path) -> None:
    """Remove the instance's socket directory, when there is one."""
    path = read_socket_directory(directory)
    if path is None:
        return
    if path.name.startswith("to-") and path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    (directory / "sockets").unlink(missing_ok=True)
