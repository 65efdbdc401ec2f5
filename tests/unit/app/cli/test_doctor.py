"""What `doctor` shows of each setting."""

from __future__ import annotations

from typing import Any

import pytest

from app.cli import doctor
from config import settings
from tests.unit.config.test_settings import GOOD, HIDDEN, NEEDED


@pytest.mark.property_id(44)
@pytest.mark.parametrize(("name", "value", "field", "expected"), GOOD)
def test_every_setting_is_shown_and_no_secret_with_it(name: str, value: str, field: str, expected: Any) -> None:
    shown = doctor.effective_values(settings.load({name: value} | NEEDED.get(name, {})))[name]

    assert shown["source"] == "environment"
    assert shown["value"]
    assert ":p@" not in shown["value"]
    assert name not in HIDDEN or not any(part in shown["value"] for part in value.split())


def test_several_values_are_shown_in_a_row() -> None:
    given = {"SENDER_ADDRESSES": "10.0.0.0/8, ::1", "TRUSTED_PROXIES": "0", "NOTIFY_URLS": "ntfy://a json://b"}

    shown = doctor.effective_values(settings.load(given))

    assert shown["SENDER_ADDRESSES"]["value"] == "10.0.0.0/8,::1/128"
    assert shown["NOTIFY_URLS"]["value"] == "…,…"
