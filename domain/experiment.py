"""Assignment of a signal to variant A or B, reproducible from stored values alone.

Scheme dtab1: SHA-256 over the NFC-normalised fields joined by the unit separator; the first eight bytes give a
bucket of 0..999,999 by multiply-shift, and the variant is A below `split_ppm`. Purposes are independent streams.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from uuid import UUID

from domain.decision import EngineSlot
from domain.policy import PolicyVersion
from domain.signal import Signal
from domain.study import Study

SCHEME = "dtab1"
PPM = 1_000_000
_MILLIONTH = Decimal("0.000001")
_SEPARATOR = "\x1f"


class AssignmentInputInvalid(ValueError):
    """A field of the assignment is empty or contains the separator."""


class Purpose(Enum):
    """Use of a hash draw; the draws of different purposes are independent."""

    VARIANT = "variant"
    ORDER = "order"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One hash draw: the digest in hex and its bucket of 0..999,999."""

    digest: str
    bucket_ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The assignment of a signal, as its experiment stores it."""

    signal_id: UUID
    study_id: UUID
    variant: EngineSlot
    assignment_hash: str
    bucket_ppm: int
    split_ppm: int
    first_asked: EngineSlot
    reference_notional: Decimal
    policy_version_id: int
    policy_version: str


def draw(*, salt: str, purpose: Purpose, signal_id: str, signal_hash: str) -> Draw:
    """Hash one signal for one purpose.

    Raises:
        AssignmentInputInvalid: when a field is empty or holds the separator.
    """
    fields = (SCHEME, salt, purpose.value, signal_id, signal_hash)
    if any(not value or _SEPARATOR in value for value in fields):
        raise AssignmentInputInvalid("salt, signal_id and signal_hash must be non-empty and free of U+001F")
    return draw_unchecked(*fields)


def draw_unchecked(*fields: str) -> Draw:
    """Hash the fields by the formula of the scheme, without validation."""
    payload = _SEPARATOR.join(unicodedata.normalize("NFC", value) for value in fields).encode()
    digest = hashlib.sha256(payload).digest()
    bucket = (int.from_bytes(digest[:8], "big") * PPM) >> 64
    return Draw(digest=digest.hex(), bucket_ppm=bucket)


def choose_variant(bucket_ppm: int, *, split_ppm: int) -> EngineSlot:
    """Return A for buckets below the split, else B; a higher split moves signals from B to A only."""
    return EngineSlot.A if bucket_ppm < split_ppm else EngineSlot.B


def split_to_ppm(split: Decimal) -> int:
    """Convert a share of 0..1 with at most six decimals to parts per million.

    Raises:
        ValueError: when the share is out of range or finer than one millionth.
    """
    if split.is_finite() and 0 <= split <= 1:
        millionths = split.quantize(_MILLIONTH)
        if millionths == split:
            return int(millionths * PPM)
    raise ValueError(f"{split} is not a share between 0 and 1 with at most 6 decimals")


def assign(study: Study, policy: PolicyVersion, *, signal: Signal, reference_notional: Decimal) -> Assignment:
    """Assign an entry signal to a variant, and by an independent draw choose the engine that is asked first."""
    fields = {"salt": study.salt, "signal_id": str(signal.signal_id), "signal_hash": signal.signal_hash}
    variant = draw(purpose=Purpose.VARIANT, **fields)
    order = draw(purpose=Purpose.ORDER, **fields)
    return Assignment(
        signal_id=signal.signal_id,
        study_id=study.study_id,
        variant=choose_variant(variant.bucket_ppm, split_ppm=policy.split_ppm),
        assignment_hash=variant.digest,
        bucket_ppm=variant.bucket_ppm,
        split_ppm=policy.split_ppm,
        first_asked=choose_variant(order.bucket_ppm, split_ppm=PPM // 2),
        reference_notional=reference_notional,
        policy_version_id=policy.policy_version_id,
        policy_version=policy.label,
    )
