"""Documents name only files, links, commands, modules and make targets that exist."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from app.cli import cli
from reporting import text as report_text

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "replay/demo/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
FOLDERS = {folder.name for folder in ROOT.iterdir() if folder.is_dir() and (folder / "__init__.py").exists()} | {
    "docs",
    ".ci",
}
SUFFIXES = (".py", ".md", ".toml", ".lock", ".yml", ".json")
# Files that a user writes, that appear in a data directory or that come from elsewhere.
NOT_OURS = {"my_engines.py", "config.py", "db.py", "run.json", "venue_mark.json"}
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INDENTED_LINE = re.compile(r"^(?: {4}|\t)\S.*$", re.MULTILINE)
CODE_SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
COMMAND = re.compile(r"(?<![\w-])orchestrator ([a-z]+)(?: ([a-z]+(?:-[a-z]+)*))?")
MODULE = re.compile(r"python -m ([a-z_.]+)")
TARGET = re.compile(r"\bmake ([a-z][a-z-]*)")


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


def code_of(text: str) -> Iterator[str]:
    """Yield code blocks, indented lines and code spans."""
    yield from CODE_BLOCK.findall(text)
    rest = CODE_BLOCK.sub("", text)
    yield from INDENTED_LINE.findall(rest)
    yield from CODE_SPAN.findall(rest)


def paths_of(text: str) -> Iterator[str]:
    """Yield the code spans that look like a file or folder of the repository."""
    for span in CODE_SPAN.findall(CODE_BLOCK.sub("", text)):
        if re.fullmatch(r"[\w./*{},-]+", span) and not span.startswith(("/", "-")):
            path, _, _ = span.partition("::")
            is_path = "/" in path and path.split("/")[0] in FOLDERS
            if (is_path or path.endswith(SUFFIXES)) and path not in NOT_OURS:
                yield path


def exists(path: str) -> bool:
    """Return whether a path, with `*` for any text, is there; a bare name may be in any of our folders."""
    if "/" in path or (ROOT / path).exists():
        return any(ROOT.glob(path))
    return any(next((ROOT / folder).rglob(path), None) for folder in FOLDERS)


def anchor_of(heading: str) -> str:
    """Return the anchor under which a heading is linked."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_each_file_that_is_named_exists(document: Path) -> None:
    missing = [path for path in paths_of(document.read_text(encoding="utf-8")) if not exists(path)]

    assert missing == []


@pytest.mark.parametrize("document", [*DOCUMENTS, ROOT / "CHANGELOG.md"], ids=name_of)
def test_each_relative_link_leads_to_a_file_and_to_a_heading_in_it(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))

    assert [link for link in links if not link.startswith(("http://", "https://")) and not leads(document, link)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_each_command_module_and_make_target_exists(document: Path) -> None:
    code = "\n".join(code_of(document.read_text(encoding="utf-8")))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))

    assert [words for words in COMMAND.findall(code) if not is_command(*words)] == []
    assert [module for module in MODULE.findall(code) if find_spec(module) is None] == []
    assert set(TARGET.findall(code)) - targets == set()


def test_the_report_in_the_readme_is_what_the_demo_prints_but_for_identities() -> None:
    frozen = json.loads((ROOT / "tests" / "contract" / "frozen" / "demo_report.json").read_text(encoding="utf-8"))
    last, printed = frozen["reports"][-1], io.StringIO()
    report_text.print_report(last | {"health": last["health"] | {"srm_p": 0.5}}, file=printed)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    shown = next(block for block in CODE_BLOCK.findall(readme) if "Engine A against engine B" in block)

    assert without_identities(shown.strip("`")) == without_identities(printed.getvalue())


def without_identities(report: str) -> list[str]:
    """Return the lines of a report, blank ones left out, with placeholders for names, versions and the p-value."""
    report = re.sub(r"(replay:|@)(<[^>]+>|[0-9a-f]{12})", r"\1...", report)
    lines = re.sub(r"\bp 0\.\d+", "p ...", report).splitlines()
    return [line.rstrip() for line in lines if line.strip()]


def leads(document: Path, link: str) -> bool:
    """Return whether a relative link leads to a file, and to a heading in it where it names one."""
    path, _, anchor = link.partition("#")
    target = document.parent / path if path else document
    if not target.exists() or not anchor:
        return target.exists()
    return anchor in map(anchor_of, HEADING.findall(target.read_text(encoding="utf-8")))


def is_command(name: str, following: str) -> bool:
    """Return whether the command is there, and what follows is one of its subcommands where it has any."""
    context = click.Context(cli)
    command = cli.get_command(context, name)
    if isinstance(command, click.Group) and following:
        return command.get_command(context, following) is not None
    return command is not None


def test_a_document_that_names_what_is_not_there_would_be_noticed() -> None:
    text = (
        "See `tasks/no_such_file.py` and `no_such_file.py`; `docs/*.md` and `tasks/stages` are there, `a/b` is no path."
    )

    assert [path for path in paths_of(text) if not exists(path)] == ["tasks/no_such_file.py", "no_such_file.py"]
    assert leads(ROOT / "README.md", "docs/api.md#routes")
    assert not leads(ROOT / "README.md", "docs/api.md#roots")
    assert not leads(ROOT / "README.md", "docs/no_such_file.md")
    assert is_command("signals", "list")
    assert not is_command("signals", "lost")
    assert not is_command("sing", "")
