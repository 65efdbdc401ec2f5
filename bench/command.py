"""The command `orchestrator bench`: measures this version's speed on this machine, relative to reference rates."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bench.fresh_stack import BenchStack

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
_REFERENCE = click.option(
    "--reference",
    "reference_s",
    type=click.FloatRange(0.1, 60),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How long each reference rate is measured.",
)


@click.group()
def command() -> None:
    """Measure speed and rehearse failures on temporary servers.

    Web, worker, beat and Flower run as `up` runs them, under the defaults. The load generator is a process of its own
    on the same machine; its processor time is part of the output. Absolute rates differ from hour to hour and from
    machine to machine, so reference rates are measured in the same run, right before, and every figure is given as a
    ratio too: single-row commits of this Postgres (600 bytes of jsonb, a unique key, 1 and 8 clients), no-op Celery
    tasks and chains of five of them on a worker set up as the product's.
    """


@command.command()
@click.option(
    "--seconds", type=click.FloatRange(0.2, 600), default=5.0, show_default=True, help="How long each load lasts."
)
@click.option("--connections", type=click.IntRange(1, 512), default=32, show_default=True, help="Open at once.")
@_REFERENCE
@_JSON
def ingest(*, seconds: float, connections: int, reference_s: float, as_json: bool) -> None:
    """Measure the webhook: alerts per second, and latency.

    Each connection posts its next alert, all of them distinct, as soon as it has its answer; an answer comes after the
    commit. The webhook is loaded twice: while the workers are suspended, and while they process the alerts. At the end
    the acknowledged alerts are compared with the stored rows: they must be the same.
    """
    from bench import ingest as ingest_bench  # noqa: PLC0415 - it loads what --help does not need

    _run_and_print(
        lambda bench_stack: ingest_bench.measure_ingest(
            bench_stack, seconds=seconds, connections=connections, reference_s=reference_s
        ),
        as_json=as_json,
    )


@command.command()
@click.option(
    "--signals", type=click.IntRange(1, 100_000), default=2000, show_default=True, help="Alerts of the burst."
)
@click.option(
    "--seconds", type=click.FloatRange(0.2, 600), default=8.0, show_default=True, help="How long 20 alerts/s are sent."
)
@_REFERENCE
@_JSON
def pipeline(*, signals: int, seconds: float, reference_s: float, as_json: bool) -> None:
    """Measure the five stages: signals per second, and latency.

    Measured are the signals per second in a burst, and the time to both decisions at 20 alerts a second. The alerts are
    entries of both directions on 20 symbols with 400 stored hourly bars each, so that contexts, both engines, model
    trades and paper orders do real work. The burst is posted over 32 connections as fast as they are answered and lasts
    from its first commit until its last signal is processed (polled every 20 ms), task events and Flower on. The time
    to both decisions ends when a client that listens to Postgres is notified of their commit.
    """
    from bench import pipeline as pipeline_bench  # noqa: PLC0415 - it loads what --help does not need

    _run_and_print(
        lambda bench_stack: pipeline_bench.measure_pipeline(
            bench_stack, signals=signals, seconds=seconds, reference_s=reference_s
        ),
        as_json=as_json,
    )


@command.command()
@click.option("--first", type=click.IntRange(0), default=1, show_default=True, help="The first rehearsal's seed.")
@click.option("--seeds", type=click.IntRange(1, 1000), default=3, show_default=True, help="How many rehearsals.")
@click.option(
    "--seconds",
    type=click.FloatRange(3, 3600),
    default=30.0,
    show_default=True,
    help="How long each one is under load.",
)
@click.option("--rate", type=click.FloatRange(0.5, 100), default=6.0, show_default=True, help="Alerts a second.")
@_JSON
def faults(*, first: int, seeds: int, seconds: float, rate: float, as_json: bool) -> None:
    """Rehearse failures of processes, servers and a venue.

    They fail under load, in a sequence that a seed determines. Each seed runs a stack of its own (LEASE_S=3) whose
    live book trades at the simulated venue. About every 2.5 s a process or server is killed or paused, connections
    are cut, messages deleted, tasks sent again from Flower, beat hangs for good, the clock of workers and beat
    steps by a day and back, or two operators pause, flatten and resume at random; meanwhile one alert in ten breaks
    off before it comes whole, prices move, and the venue accepts orders late, fails, fills in parts or sends no
    answer. When no fault is active and no work is left, the book is flattened, the stored rows are compared with
    the venue's ledger and with the sender's answers, and every rule of `verify` is checked. Recovery is the time
    from a fault until a signal that was stored after it is processed. Exit code 1 when anything is lost, duplicated
    or violated.
    """
    from bench import fresh_stack, text_table  # noqa: PLC0415 - it loads what --help does not need
    from bench.chaos import measure as chaos  # noqa: PLC0415 - likewise

    try:
        document = chaos.measure_rehearsals(first=first, seeds=seeds, seconds=seconds, rate=rate)
    except fresh_stack.BenchFailed as failure:
        raise click.ClickException(str(failure)) from None
    except chaos.RehearsalInterrupted as interrupted:
        sys.exit(interrupted.code)
    printed = document if as_json else {name: part for name, part in document.items() if name != "seeds"}
    click.echo(json.dumps(document, indent=2) if as_json else text_table.render_table(printed))
    sys.exit(int(bool(document["total"]["violations"])))


@command.command()
@click.option("--minutes", type=click.FloatRange(0.05, 100_000), default=30.0, show_default=True, help="How long.")
@click.option("--rate", type=click.FloatRange(0.5, 500), default=5.0, show_default=True, help="Alerts a second.")
@_JSON
def soak(*, minutes: float, rate: float, as_json: bool) -> None:
    """Look for what grows over weeks: a steady load with pages open.

    Memory and descriptors of each process, connections, tables, disk and latency are measured all the while. Of each
    the slope is given per hour and as growth in 30 days, with what bounds it. Exit code 1 when something grows that
    nothing bounds, when an alert is lost or stored twice, or when a rule of `verify` is violated.
    """
    from bench import soak as soak_bench  # noqa: PLC0415 - it loads what --help does not need

    _run_and_print(
        lambda bench_stack: soak_bench.measure_soak(bench_stack, minutes=minutes, rate=rate), as_json=as_json
    )


def _run_and_print(measure: Callable[[BenchStack], dict[str, Any]], *, as_json: bool) -> None:
    """Measure on a fresh stack, print the document and exit; code 1 when an alert is lost or something grows."""
    from bench import fresh_stack, text_table  # noqa: PLC0415 - likewise

    documents: list[dict[str, Any]] = []
    try:
        code = fresh_stack.run_on_fresh_stack(lambda bench_stack: documents.append(measure(bench_stack)))
    except fresh_stack.BenchFailed as failure:
        raise click.ClickException(str(failure)) from None
    for document in documents:
        click.echo(json.dumps(document, indent=2) if as_json else text_table.render_table(document))
    sys.exit(code or int(not all(_is_good(document) for document in documents)))


def _is_good(document: dict[str, Any]) -> bool:
    """Return whether every alert is accounted for, nothing grows without a bound, and no rule is violated."""
    return document["accounting"]["exact"] and not document.get("unbounded") and not document.get("violations")
