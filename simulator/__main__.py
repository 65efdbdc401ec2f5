"""Run the simulator: `python -m simulator --ledger FILE`."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from pathlib import Path
from types import FrameType

from simulator.server import Server
from simulator.venue import Simulator

LOOPBACK = "127.0.0.1"


def main() -> None:
    """Serve until told to end; the ready file gets the URL once requests are taken."""
    given = _arguments()
    simulator = Simulator(given.ledger, key=given.key, secret=given.secret, seed=given.seed)
    with Server((LOOPBACK, given.port), simulator) as server:
        url = f"http://{LOOPBACK}:{server.server_address[1]}"
        if given.ready_file is not None:
            _write(given.ready_file, url)
        else:
            sys.stdout.write(url + "\n")
            sys.stdout.flush()
        signal.signal(signal.SIGTERM, _stop)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever(poll_interval=0.1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="the loopback port (0: any that is free)")
    parser.add_argument("--ledger", type=Path, default=Path("venue.jsonl"), help="the file that keeps what it did")
    parser.add_argument("--ready-file", type=Path, help="the file that gets the URL; else it is printed")
    parser.add_argument("--key", default="simulated-key", help="the API key it expects")
    parser.add_argument("--secret", default="simulated-secret", help="the API secret it expects")
    parser.add_argument("--seed", type=int, default=0, help="the seed of faults by probability")
    return parser.parse_args()


def _write(path: Path, text: str) -> None:
    """Write a file so that whoever waits for it never sees half of it."""
    half = path.with_suffix(path.suffix + ".part")
    half.write_text(text)
    half.replace(path)


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - given by the interpreter
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
