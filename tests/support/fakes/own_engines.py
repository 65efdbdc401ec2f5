"""Engines as a user writes them, good and bad, for tests of their hosting."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn, cast

from trading_orchestrator.engine import (
    AlertSignal,
    Direction,
    EngineDecision,
    EngineVerdict,
    MarketSnapshot,
    enter,
    hold,
    reject,
)


class AboveAverage:
    """Enters on the side of the slow average that the price is on; the README shows this one."""

    name = "above_average"

    def decide(self, signal: AlertSignal, context: MarketSnapshot) -> EngineDecision:
        """Enter with the trend, reject against it, hold when the trend is not known."""
        price, slow = context.current_price, context.indicators["ema_200"]
        if price is None or slow is None:
            return hold("trend_unknown")
        if (price > slow) is (signal.direction is Direction.LONG):
            return enter(signal, context, "with_trend", confidence=70, rationale={"ema_200": str(slow)})
        return reject("against_trend")


class Misbehaving(AboveAverage):
    """Answers well, except when the signal's strategy names a misdeed."""

    name = "misbehaving"
    version = "7"

    def decide(self, signal: AlertSignal, context: MarketSnapshot) -> Any:
        """Do what the strategy says."""
        good = super().decide(signal, context)
        misdeed = MISDEEDS.get(signal.strategy)
        return good if misdeed is None else misdeed(good)


def _raise(_: EngineDecision) -> NoReturn:
    raise ValueError("no \x00 such \ud800 thing")


def _hang(good: EngineDecision) -> EngineDecision:
    time.sleep(600)
    return good


def _exit(_: EngineDecision) -> NoReturn:
    os._exit(3)


def _print(good: EngineDecision) -> EngineDecision:
    print('{"decision": null}')  # noqa: T201 - a user's print must not become an answer
    return good


def _start_another(_: EngineDecision) -> EngineDecision:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    return hold("asked", rationale={"pid": child.pid})


def _hold_the_interpreter(good: EngineDecision) -> EngineDecision:
    re.match(r"(a+)+$", "a" * 60 + "b")  # takes for ever, and no other thread runs meanwhile
    return good


def _take_memory(_: EngineDecision) -> EngineDecision:
    return hold("asked", rationale={"taken": len(bytearray(1024**3))})


def _open_files(_: EngineDecision) -> EngineDecision:
    taken = []
    try:
        for _number in range(5000):
            taken.append(os.open(os.devnull, os.O_RDONLY))  # noqa: PERF401 - those that were opened are counted
    except OSError:
        return hold("asked", rationale={"opened": len(taken)})
    finally:
        for descriptor in taken:
            os.close(descriptor)
    return hold("asked", rationale={"opened": len(taken)})


def _read_the_parent(_: EngineDecision) -> EngineDecision:
    try:
        text = Path(f"/proc/{os.getppid()}/environ").read_text(errors="replace")
    except OSError as error:
        text = type(error).__name__
    return hold("asked", rationale={"text": text, "uid": os.getuid(), "processes": _limit_of_processes()})


def _limit_of_processes() -> int:
    return resource.getrlimit(resource.RLIMIT_NPROC)[0]


MISDEEDS: dict[str, Callable[[EngineDecision], Any]] = {
    "raise": _raise,
    "hang": _hang,
    "exit": _exit,
    "print": _print,
    "nonsense": lambda _: "ENTER",
    "nan": lambda good: replace(good, confidence=Decimal("NaN")),
    "nan_rationale": lambda _: hold("much", rationale={"value": float("nan")}),
    "not_json": lambda _: hold("much", rationale={"value": Decimal(1)}),
    "shapeless": lambda good: replace(good, reasons=cast("Any", (1, 2))),
    "oversized": lambda _: hold("much_to_say", rationale={"text": "x" * 2_000_000}),
    "environment": lambda _: hold("asked", rationale={"names": sorted(os.environ)}),
    "modules": lambda _: hold("asked", rationale={"modules": sorted({name.split(".")[0] for name in sys.modules})}),
    "pid": lambda _: hold("asked", rationale={"pid": os.getpid()}),
    "order": lambda _: hold("asked", rationale={"order": list({f"word {at}" for at in range(50)})}),
    "grandchild": _start_another,
    "interpreter": _hold_the_interpreter,
    "memory": _take_memory,
    "files": _open_files,
    "parent": _read_the_parent,
}


class RawPipe(AboveAverage):
    """Writes rubbish, without end, over the pipe its answers go through."""

    name = "raw_pipe"

    def decide(self, signal: AlertSignal, context: MarketSnapshot) -> EngineDecision:
        """Fill every open pipe with one endless line, or with a line that is no answer."""
        texts = {"endless": b"x" * 4_000_000, "not_utf8": b'{"failure": "\xff"}\n'}
        text = texts.get(signal.strategy, b"{}{\n")
        for fd in (3, 4, 5, 6):
            try:
                os.write(fd, text)
            except OSError:
                continue
        return hold("written")


class Declaring(AboveAverage):
    """Declares how long its plans are, and a latency, which the environment may change."""

    name = "declaring"
    version = "7"
    longest_hold: object = timedelta(hours=30)

    def __init__(self) -> None:
        self.declared_latency_s: object = float(os.environ.get("ENGINE_DECLARES", "2.50"))


class Nameless:
    """Has no name and cannot decide."""


class Erring:
    """Answers ERROR by itself."""

    name = "erring"
    version = "1"

    def decide(self, signal: AlertSignal, context: MarketSnapshot) -> EngineDecision:
        """Give up."""
        return EngineDecision(verdict=EngineVerdict.ERROR, reasons=("gave_up",), rationale={})


def above_average() -> AboveAverage:
    """Make the example."""
    return AboveAverage()


def misbehaving() -> Misbehaving:
    """Make the engine that misbehaves on request."""
    return Misbehaving()


def raw_pipe() -> RawPipe:
    """Make the engine that writes over its own answers."""
    return RawPipe()


def erring() -> Erring:
    """Make the engine that gives up."""
    return Erring()


def declaring() -> Declaring:
    """Make the engine that declares a latency."""
    return Declaring()


def impatient() -> Declaring:
    """Make an engine with an impossible latency."""
    engine = Declaring()
    engine.declared_latency_s = "soon"
    return engine


def patient() -> Declaring:
    """Make an engine whose plans are as long as a text."""
    engine = Declaring()
    engine.longest_hold = "2 days"
    return engine


def nameless() -> Nameless:
    """Make something that is no engine."""
    return Nameless()


def failing() -> None:
    """Fail to make an engine."""
    raise FileNotFoundError("model.bin is not there")


def quitting() -> None:
    """End the process instead of making an engine."""
    sys.exit("not today")


def crashing() -> None:
    """End the process without a word."""
    os._exit(1)


def slow() -> AboveAverage:
    """Make the example once a file appears; its path comes from the environment."""
    gate = Path(os.environ["ENGINE_GATE"])
    while not gate.exists():
        time.sleep(0.01)
    return AboveAverage()
