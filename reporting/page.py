"""The report as one HTML page: the console's front page, and a file that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reporting import plain, words
from reporting.charts import Chart
from reporting.document import Document

STYLESHEET = "report.css"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who is logged in and reads the page, and what their forms must hold."""

    name: str
    form_token: str


def render(
    document: Document,
    charts: Sequence[Chart],
    *,
    stylesheet_url: str | None = None,
    age: str | None = None,
    reader: Reader | None = None,
) -> str:
    """Return the report as a page that needs no script.

    Without `stylesheet_url` the style is written into the page, so that it stands alone. `age` says how old the
    data is.
    """
    values: dict[str, Any] = {"document": document, "charts": charts, "words": words, "age": age}
    return render_template("report.html", stylesheet_url=stylesheet_url, reader=reader, **values)


def render_message(title: str, text: str, *, stylesheet_url: str, reader: Reader | None = None) -> str:
    """Return a page that says one thing: an error, or that there is nothing yet."""
    return render_template("message.html", stylesheet_url=stylesheet_url, reader=reader, title=title, text=text)


def render_template(
    name: str, *, stylesheet_url: str | None, reader: Reader | None, templates: Environment | None = None, **values: Any
) -> str:
    """Return a page in our frame; `reader` is shown with a way to log out.

    `templates` holds pages of another package beside the frame (`make_environment`); the default holds the report's.
    """
    template = (templates or _templates()).get_template(name)
    return template.render(stylesheet_url=stylesheet_url, style=_style(), reader=reader, **values)


def make_environment(*packages: str) -> Environment:
    """Return a template environment over the `templates` folders of packages, this one's last, with our filters."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in (*packages, "reporting")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for write in (plain.money, plain.percent, plain.bps, plain.figure, plain.p_value, plain.moment, plain.clean):
        environment.filters[write.__name__] = write
    return environment


@cache
def _templates() -> Environment:
    return make_environment()


@cache
def _style() -> Markup:
    text = resources.files("reporting").joinpath("static", STYLESHEET).read_text(encoding="utf-8")
    return Markup(text)  # nosec B704 # noqa: S704 - our own file
