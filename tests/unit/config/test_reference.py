"""The reference of settings in the documentation says what is declared."""

from __future__ import annotations

import re

import pytest

from config import reference, settings


def test_the_reference_in_the_documentation_is_current() -> None:
    document = reference.DOCUMENT.read_text(encoding="utf-8")

    assert reference.replace_table(document) == document, "run `python -m config.reference`"


def test_the_reference_lists_each_setting_once_and_no_failpoint() -> None:
    listed = re.findall(r"^\| `([A-Z_]+)` \|", reference.format_table(), flags=re.MULTILINE)

    assert sorted(listed) == sorted(settings.load({}).sources)


def test_no_cell_of_the_reference_breaks_its_row() -> None:
    for declaration in settings.declarations().values():
        assert not {"|", "\n"} & set(declaration.meaning + declaration.default_shown)
        assert declaration.meaning


@pytest.mark.parametrize("document", ["", "no markers\n"])
def test_a_document_without_the_markers_is_not_changed(document: str) -> None:
    with pytest.raises(ValueError, match="expected '<!-- settings: begin"):
        reference.replace_table(document)
