"""Security headers of every answer, added by WSGI middleware: Flask's own hook costs several times as much."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from config.settings import Settings

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

EVERYWHERE = (
    ("X-Content-Type-Options", "nosniff"),
    (
        "Content-Security-Policy",
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
)
_ON_PAGES = (
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_OVER_HTTPS = ("Strict-Transport-Security", "max-age=31536000")
_WEBHOOK_PREFIX = "/webhook/"

Headers = tuple[tuple[str, str], ...]


def add_security_headers(inner: WSGIApplication, settings: Settings) -> WSGIApplication:
    """Wrap a WSGI application so that each answer has these headers, unless it sets one of that name itself."""
    page_headers: Headers = (*EVERYWHERE, *_ON_PAGES)
    if (settings.public_url or "").startswith("https://"):
        page_headers = (*page_headers, _OVER_HTTPS)

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        added = EVERYWHERE if environ.get("PATH_INFO", "").startswith(_WEBHOOK_PREFIX) else page_headers

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None
        ) -> Callable[[bytes], object]:
            present = {name for name, _ in headers}
            headers += [(name, value) for name, value in added if name not in present]
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        return inner(environ, start)

    return application
