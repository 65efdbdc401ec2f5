"""Versions: the changelog's sections are dated and in order, and each tag of the repository has its section."""

from __future__ import annotations

import re
import subprocess
from datetime import date
from itertools import pairwise

from tests.packaging.archives import ROOT

_RELEASED = re.compile(r"(\d+)\.(\d+)\.(\d+) – (\d{4}-\d\d-\d\d)")


def released() -> dict[tuple[int, ...], date]:
    """Return the day of each version in the changelog, in its order; `Unreleased` may stand before all of them."""
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    versions = {}
    for heading in headings[headings[0] == "Unreleased" :]:
        match = _RELEASED.fullmatch(heading)
        assert match is not None, f"neither `Unreleased` nor `1.2.3 – 2026-01-31`: {heading}"
        versions[tuple(map(int, match.groups()[:3]))] = date.fromisoformat(match.group(4))
    return versions


def test_versions_and_days_in_the_changelog_go_from_the_newest_to_the_oldest() -> None:
    sections = list(released().items())

    assert all(newer > older and later >= earlier for (newer, later), (older, earlier) in pairwise(sections))


def test_each_tag_has_its_section() -> None:
    listed = subprocess.run(
        ("git", "tag", "--list", "v*"), cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    tags = {tuple(map(int, tag.removeprefix("v").split("."))) for tag in listed.stdout.split()}

    assert tags <= set(released())
