"""Run the simulator: `orchestrator -m simulator --ledger FILE`."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from pathlib import Path
from types import FrameType

from simulator.server import SimulatorServer
from simulator.venue import Simulator

LOOPBACK = "127.0.0.1"


def main() -> None:
    """Serve until SIGTERM; the URL is printed or written to the ready file once requests are accepted."""
    arguments = _parse_arguments()
    simulator = Simulator(arguments.ledger, key=arguments.key, secret=arguments.secret, seed=arguments.seed)
    with SimulatorServer((LOOPBACK, arguments.port), simulator) as server:
        url = f"http://{LOOPBACK}:{server.server_address[1]}"
        if arguments.ready_file is not None:
            _write_atomically(arguments.ready_file, url)
        else:
            sys.stdout.write(url + "\n")
            sys.stdout.flush()
        signal.signal(signal.SIGTERM, _interrupt)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever(poll_interval=0.1)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="orchestrator -m simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="the loopback port (0: any that is free)")
    parser.add_argument(
        "--ledger",
        type=Path,
        default=Path("venue.jsonl"),
        help="the file in which it records its orders, fills and requests",
    )
    parser.add_argument("--ready-file", type=Path, help="the file to which the URL is written; else it is printed")
    parser.add_argument("--key", default="simulated-key", help="the API key it expects")
    parser.add_argument("--secret", default="simulated-secret", help="the API secret it expects")
    parser.add_argument("--seed", type=int, default=0, help="the seed for faults that have a probability")
    return parser.parse_args()


def _write_atomically(path: Path, text: str) -> None:
    """Write a file in one step, so that a process that waits for it never reads a part of it."""
    partial_path = path.with_suffix(path.suffix + ".part")
    partial_path.write_text(text)
    partial_path.replace(path)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - given by the interpreter
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
