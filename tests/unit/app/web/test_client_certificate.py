"""Whose certificate a proxy saw: every way to write a subject, and what only looks like TradingView's."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from app.web import allowed_senders, client_certificate
from app.web.client_certificate import SubjectUnreadable

HEADER = "ClientCertificateSubject"
NAME = "TradingView Webhooks"
KINDS = {
    "CN": NameOID.COMMON_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
}
# At most 64 bytes, as an attribute of a certificate may have.
printable = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=16)
subjects = st.lists(st.tuples(st.sampled_from(sorted(KINDS)), printable), min_size=1, max_size=6)


@pytest.mark.parametrize(
    "text",
    [
        rf"CN={NAME},O=TradingView\, Inc.",
        rf"CN={NAME},O=TradingView\, Inc.,L=Westerville,ST=Ohio,C=US",
        rf"CN={NAME}, O=TradingView\, Inc., L=Columbus / west, ST=Ohio, C=US",
        rf"C=US,ST=Ohio,O=TradingView\, Inc.,CN={NAME}",
        r"CN=webhook-server@tradingview.com,O=TradingView\, Inc.,C=US",
        r"CN=webhook-server@tradingview.com,O=TradingView\2C Inc.,C=US",
        rf"emailAddress=webhook-server@tradingview.com,CN={NAME},O=TradingView\, Inc.",
        rf"2.5.4.3={NAME},2.5.4.10=TradingView\, Inc.",
        rf"cn={NAME}+o=TradingView\, Inc.,C=US",
        f'C = US, ST = Ohio, O = "TradingView, Inc.", CN = {NAME}',
        f'CN={NAME},O="TradingView, Inc."',
        f"/C=US/ST=Ohio/L=Westerville/O=TradingView, Inc./CN={NAME}",
        "/C=US/O=TradingView, Inc./CN=webhook-server@tradingview.com/emailAddress=webhook-server@tradingview.com",
    ],
)
def test_tradingviews_subject_is_known_in_every_way_to_write_it(text: str) -> None:
    assert client_certificate.is_tradingview_subject(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        NAME,
        f"CN={NAME}",
        r"O=TradingView\, Inc.",
        rf"CN={NAME},O=TradingView Inc.",
        rf"CN={NAME} ,O=TradingView\, Inc.\ ",
        r"CN=tradingview webhooks,O=TradingView\, Inc.",
        rf"CN=x,OU={NAME},O=TradingView\, Inc.",
        rf"CN=evil.example,OU=CN={NAME}\,O=TradingView\\\, Inc.,O=Evil",
        rf"CN=evil.example,O=Evil,description=CN={NAME}\, O=TradingView\, Inc.",
        f'CN=evil.example,O="TradingView, Inc.,CN={NAME}"',
        rf"CN={NAME},O=TradingView\, Inc.,O=Evil",
        rf"CN=evil.example,CN={NAME},O=TradingView\, Inc.",
        rf"CN={NAME},O=TradingView\, Inc.,CN={NAME},O=TradingView\, Inc.",
        rf"CN={NAME},O=TradingView\, Inc., CN=evil.example,O=Evil",
        rf"CN={NAME},O=TradingView, Inc.",
        rf"CN={NAME};O=TradingView\, Inc.",
        rf"CN={NAME},O=TradingView\, Inc.,",
        rf"CN={NAME},O=#0c1154726164696e67566965772c20496e632e",
        f"/O=Evil/OU=x/O=TradingView, Inc./CN={NAME}",
        f"/O=TradingView, Inc./CN={NAME}/CN=evil.example",
        f"/OU=x/O=TradingView, Inc./CN={NAME}",
        f"/O=TradingView, Inc./CN={NAME},/O=TradingView, Inc./CN={NAME}",
        f"/O=TradingView, Inc./CN={NAME}/",
        f"CN={NAME},O=TradingView\\, Inc.,L=" + "x" * 5000,
    ],
)
def test_what_only_looks_like_it_is_refused(text: str) -> None:
    assert not client_certificate.is_tradingview_subject(text)


@pytest.mark.property_id(48)
@settings(max_examples=500)
@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("latin-1"))))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = client_certificate.parse_subject(text)
    except SubjectUnreadable:
        found = ()

    assert all(kind == kind.upper() for kind, _ in found)
    assert not client_certificate.is_tradingview_subject(text)


@pytest.mark.property_id(48)
@settings(max_examples=300)
@given(subjects)
def test_a_subject_that_a_library_writes_is_read_as_it_was_meant(made: list[tuple[str, str]]) -> None:
    name = x509.Name([x509.NameAttribute(KINDS[kind], value, _validate=False) for kind, value in made])

    found = client_certificate.parse_subject(name.rfc4514_string())

    assert list(found) == made[::-1]


@pytest.mark.property_id(48)
@settings(max_examples=300)
@given(subjects)
def test_a_subject_between_quotation_marks_is_read_as_it_was_meant(made: list[tuple[str, str]]) -> None:
    text = ", ".join(f'{kind} = "{_escaped(value)}"' for kind, value in made)

    assert list(client_certificate.parse_subject(text)) == made


@pytest.mark.parametrize("text", [None, "", rf"CN={NAME},O=Evil", rf"CN={NAME},O=TradingView\, Inc.,CN={NAME}"])
def test_without_the_right_subject_nobody_is_certified(text: str | None) -> None:
    environ = {} if text is None else {"HTTP_CLIENTCERTIFICATESUBJECT": text}

    assert not allowed_senders.make_certificate_check(HEADER)(environ)


def test_whoever_has_the_right_subject_is_certified_and_without_a_header_everybody_is() -> None:
    environ = {"HTTP_CLIENTCERTIFICATESUBJECT": rf"CN={NAME},O=TradingView\, Inc."}

    assert allowed_senders.make_certificate_check(HEADER)(environ)
    assert allowed_senders.make_certificate_check(None)({})


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
