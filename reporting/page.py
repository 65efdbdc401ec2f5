"""The report as an HTML page: the console's front page, or a file that needs no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reporting import formatting, phrases, study_costs
from reporting.charts import Chart
from reporting.document import JsonDocument

STYLESHEET = "report.css"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageReader:
    """The user who reads the page, with the CSRF token that the page's forms must send."""

    name: str
    form_token: str


def render_report(
    document: JsonDocument,
    charts: Sequence[Chart],
    *,
    stylesheet_url: str | None = None,
    age: str | None = None,
    notices: Sequence[str] = (),
    reader: PageReader | None = None,
) -> str:
    """Render the report as a page that needs no script.

    Without `stylesheet_url` the style is written into the page, so that it is complete as a file. `age` is the age
    of the data, as text; `notices` are sentences about the present that stand above the report.
    """
    values: dict[str, Any] = {"document": document, "charts": charts, "age": age, "notices": notices}
    values |= {"phrases": phrases, "formatting": formatting, "costs": study_costs.describe_rows(document)}
    return render_template("report.html", stylesheet_url=stylesheet_url, reader=reader, **values)


def render_message(title: str, text: str, *, stylesheet_url: str, reader: PageReader | None = None) -> str:
    """Render a page with a single message: an error, or that there is no data yet."""
    return render_template("message.html", stylesheet_url=stylesheet_url, reader=reader, title=title, text=text)


def render_template(
    name: str,
    *,
    stylesheet_url: str | None,
    reader: PageReader | None,
    templates: Environment | None = None,
    **values: Any,
) -> str:
    """Render a page in the common frame; `reader` is shown with a button to log out.

    `templates` holds pages of another package beside the frame (`make_environment`); the default holds the report's.
    """
    template = (templates or _make_report_environment()).get_template(name)
    return template.render(stylesheet_url=stylesheet_url, style=_load_style(), reader=reader, **values)


def make_environment(*packages: str) -> Environment:
    """Return a template environment over the `templates` folders of packages, this one's last, with our filters."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in (*packages, "reporting")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "money": formatting.format_money,
        "percent": formatting.format_percent,
        "bps": formatting.format_bps,
        "figure": formatting.format_number,
        "p_value": formatting.format_p_value,
        "moment": formatting.format_minute,
        "clean": formatting.replace_unprintable,
    }
    return environment


@cache
def _make_report_environment() -> Environment:
    """Return the template environment over the templates of reports alone."""
    return make_environment()


@cache
def _load_style() -> Markup:
    """Return the stylesheet's text, to be put into a page."""
    text = resources.files("reporting").joinpath("static", STYLESHEET).read_text(encoding="utf-8")
    return Markup(text)  # nosec B704 # noqa: S704 - our own file
