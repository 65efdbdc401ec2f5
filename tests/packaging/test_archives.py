"""Wheel and sdist hold everything: they are compared with what git lists, so that no list can be forgotten."""

from __future__ import annotations

import re
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.packaging import archives
from tests.support.builders.user_folder import OUR_PACKAGES

PUBLIC = "trading_orchestrator"


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the sdist of the checkout."""
    return archives.build_sdist(tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the wheel made of that sdist."""
    return archives.build_wheel(sdist, tmp_path_factory.mktemp("wheel"))


def test_the_sdist_is_the_checkout(sdist: Path) -> None:
    assert archives.files_of_sdist(sdist) - {"PKG-INFO"} == archives.files_of_checkout()


def test_the_wheel_holds_every_file_of_every_package_and_installs_one_name(wheel: Path) -> None:
    listed = archives.files_of_checkout()
    packaged = {path for path in listed if path.split("/")[0] in OUR_PACKAGES} | {"Procfile"}

    files = {path for path in archives.files_of_wheel(wheel) if ".dist-info/" not in path}

    assert files == {f"{PUBLIC}/_packages/{path}" for path in packaged} | {
        path for path in listed if path.startswith(f"{PUBLIC}/")
    }


def test_every_folder_with_code_is_a_package_and_so_in_the_wheel() -> None:
    folders = {path.split("/")[0] for path in archives.files_of_checkout() if re.fullmatch(r"\w[^.]*/.*\.py", path)}

    assert folders == {*OUR_PACKAGES, PUBLIC, "tests"}


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (name,) = [path for path in archive.namelist() if path.endswith(".dist-info/METADATA")]
        described = Parser().parsestr(archive.read(name).decode())

    assert described["Name"] == "trading-orchestrator"
    assert described["License-Expression"] == "Apache-2.0"
    assert described["Version"] in wheel.name
    assert described["Description-Content-Type"] == "text/markdown"
    assert "Typing :: Typed" in described.get_all("Classifier", [])
    assert str(described.get_payload()).startswith("# The trading orchestrator")
