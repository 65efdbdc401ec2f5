"""The Procfile of a rehearsal: workers and beat are on the shifted clock, and are still found by their names."""

from __future__ import annotations

from pathlib import Path

from bench.chaos import shifted_clock
from stack import procfile, watchdog


def test_workers_and_beat_are_on_the_shifted_clock_and_everything_else_is_as_it_was(tmp_path: Path) -> None:
    written = shifted_clock.write_procfile(tmp_path)

    ours, products = procfile.read_procfile(written), procfile.read_procfile(procfile.default_path())
    changed = {name for name, command in ours.items() if command != products[name]}
    assert ours.keys() == products.keys()
    assert changed == {"worker", "orders", "exits", "beat"}
    assert all(ours[name][1:4] == ("-m", "bench.chaos.shifted_clock", str(tmp_path / "clock")) for name in changed)
    assert watchdog.find_beat(written) == "beat"
    assert watchdog.map_queues_to_workers(written) == watchdog.map_queues_to_workers(procfile.default_path())
    assert (tmp_path / "clock").read_text() == "0"
