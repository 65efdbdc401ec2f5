"""The report as one HTML page: the console's front page, and a file that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from app.reporting import plain, words
from app.reporting.charts import Chart
from app.reporting.document import Document

STYLESHEET = "report.css"


def render(
    document: Document, charts: Sequence[Chart], *, stylesheet_url: str | None = None, age: str | None = None
) -> str:
    """Return the report as a page that needs no script.

    Without `stylesheet_url` the style is written into the page, so that it stands alone. `age` says how old the
    data is.
    """
    template = _templates().get_template("report.html")
    return template.render(
        document=document, charts=charts, words=words, stylesheet_url=stylesheet_url, style=_style(), age=age
    )


def render_message(title: str, text: str, *, stylesheet_url: str) -> str:
    """Return a page that says one thing: an error, or that there is nothing yet."""
    template = _templates().get_template("message.html")
    return template.render(title=title, text=text, stylesheet_url=stylesheet_url, style=_style())


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("app.console"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    for write in (plain.money, plain.percent, plain.bps, plain.figure, plain.p_value, plain.moment, plain.clean):
        environment.filters[write.__name__] = write
    return environment


@cache
def _style() -> Markup:
    text = resources.files("app.console").joinpath("static", STYLESHEET).read_text(encoding="utf-8")
    return Markup(text)  # nosec B704 # noqa: S704 - our own file
