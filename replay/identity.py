"""The identity of a replay: the same input is the same book, with the same study salt."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid5

from domain.books import REPLAY_PREFIX
from domain.decision import EngineSlot
from domain.policy import ExecutionMode
from replay import source_settings
from replay.bar_files import BarFile
from replay.money import ReplayMoney
from replay.schedule import Schedule

_IN_DOLLARS = ReplayMoney()
_SEPARATOR = "\x1f"
_NAMESPACE = UUID("0b0f6a0e-3f0e-5d55-9d5b-9c1d6c1f4b7a")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayIdentity:
    """The book a replay writes to, and the id and the salt of its study."""

    book: str
    study_id: UUID
    salt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayTerms:
    """The engines, policy, fill model and money that decide a replay's result beside its input.

    `engines` gives each slot's name and version, `fill_model` the fill model's version.
    """

    engines: Mapping[EngineSlot, str]
    mode: ExecutionMode
    split_ppm: int
    fill_model: str
    money: ReplayMoney = _IN_DOLLARS


def derive_identity(scheduled: Schedule, terms: ReplayTerms) -> ReplayIdentity:
    """Derive book, study and salt from everything that decides a replay's result.

    Paths, compression, the order in which bar files were named and the time of day do not enter.
    """
    settings = source_settings.format_settings(scheduled.settings, timeframe=scheduled.files[0].interval)
    parts = (
        *sorted(_format_series(file) for file in scheduled.files),
        scheduled.alert_file.digest,
        *(f"{slot.value}={terms.engines[slot]}" for slot in EngineSlot),
        f"{terms.mode.value}:{terms.split_ppm}",
        terms.fill_model,
        *([settings] if settings else []),
        *terms.money.parts,
    )
    digest = _hash_text("\n".join(parts))
    return ReplayIdentity(
        book=f"{REPLAY_PREFIX}{digest[:12]}", study_id=uuid5(_NAMESPACE, digest), salt=_hash_text(f"salt\n{digest}")
    )


def _format_series(file: BarFile) -> str:
    """Write a bar file's instrument, price side, digest and reading options as one text, to be hashed."""
    instrument, options = file.spec.instrument, file.spec.options
    calendar = (options.calendar.name, options.calendar.version) if options.calendar is not None else ()
    return _SEPARATOR.join(
        (
            *(instrument.exchange, instrument.symbol, instrument.kind.value, file.spec.side.value, file.digest),
            *([f"times={options.zone}"] if options.zone is not None else ()),
            *calendar,
        )
    )


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
