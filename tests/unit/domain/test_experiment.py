"""Assignment of signals to variants: published vectors, and what must hold for any input."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import experiment
from domain.decision import EngineSlot
from domain.experiment import PPM, AssignmentInputInvalid, Purpose
from domain.policy import ExecutionMode, PolicyVersion
from tests.support.builders.trades import a_signal, a_study

A64 = "a" * 64
FIELDS = st.text(st.characters(exclude_characters="\x1f", exclude_categories=["Cs"]), min_size=1, max_size=40)
BUCKETS = st.integers(0, PPM - 1)
SPLITS = st.integers(0, PPM)


@dataclass(frozen=True, kw_only=True)
class Vector:
    """A worked example: the variants at splits of 10 %, 50 % and 80 %."""

    salt: str
    signal_id: str = "sig-0001"
    signal_hash: str = A64
    digest: str | None = None
    bucket: int
    order_bucket: int | None = None
    variants: str | None = None
    at_half: str


VECTORS = {
    "H01": Vector(
        salt="exp-2024-001",
        digest="93157027c32f9663eaa53fc81ad15faba2f00452c77c50c018b6f4408abfa917",
        bucket=574_545,
        order_bucket=916_243,
        variants="BBA",
        at_half="B",
    ),
    "H02": Vector(
        salt="exp-2024-001",
        signal_id="sig-0002",
        digest="fa0690f3a4fd015cc247f7b67dd5c150fcdfdba4fe8b62e186df49d2dc5f5baa",
        bucket=976_662,
        order_bucket=484_655,
        variants="BBB",
        at_half="B",
    ),
    "H03": Vector(
        salt="exp-2024-002",
        digest="f552ad851bbdfa78ca117de0a5bb3e8ccb273fcf69c1921bd1989da0e1ba6364",
        bucket=958_292,
        order_bucket=745_715,
        variants="BBB",
        at_half="B",
    ),
    "H04": Vector(
        salt="exp-2024-001",
        signal_id="6f1c2b9e-8f4d-4a7b-9c3e-0d5a1e2f3b4c",
        signal_hash="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0bb822cd15d6c15b0f00a0",
        bucket=137_584,
        at_half="A",
    ),
    "H05": Vector(salt="exp-é", signal_id="sig-ß", signal_hash="0" * 64, bucket=360_419, at_half="A"),
    "H06": Vector(
        salt="",
        signal_hash="",
        digest="f9b4a0ffee4748c0f1f36aff8bafdc0e3a744d996346f09623a17d3d0b7ae5af",
        bucket=975_412,
        order_bucket=618_622,
        variants="BBB",
        at_half="B",
    ),
}


def draw_vector(vector: Vector, purpose: Purpose) -> experiment.Draw:
    """Draw without validation, since one vector has empty fields."""
    return experiment.draw_unchecked("dtab1", vector.salt, purpose.value, vector.signal_id, vector.signal_hash)


@pytest.mark.property_id(7)
@pytest.mark.parametrize("name", VECTORS)
def test_the_buckets_of_the_worked_examples_come_out(name: str) -> None:
    vector = VECTORS[name]

    draw, order = draw_vector(vector, Purpose.VARIANT), draw_vector(vector, Purpose.ORDER)

    assert draw.bucket_ppm == vector.bucket
    assert draw.digest == (vector.digest or draw.digest)
    assert order.bucket_ppm == (vector.order_bucket or order.bucket_ppm)
    assert experiment.choose_variant(draw.bucket_ppm, split_ppm=500_000).value == vector.at_half


@pytest.mark.property_id(33)
@pytest.mark.parametrize("name", [name for name, vector in VECTORS.items() if vector.variants])
def test_the_variants_of_the_worked_examples_come_out_at_each_split(name: str) -> None:
    bucket = draw_vector(VECTORS[name], Purpose.VARIANT).bucket_ppm

    variants = [experiment.choose_variant(bucket, split_ppm=split).value for split in (100_000, 500_000, 800_000)]

    assert "".join(variants) == VECTORS[name].variants


def test_the_validated_draw_is_the_formula() -> None:
    vector = VECTORS["H01"]

    draw = experiment.draw(
        salt=vector.salt, purpose=Purpose.VARIANT, signal_id=vector.signal_id, signal_hash=vector.signal_hash
    )

    payload = b"\x1f".join(
        value.encode() for value in ("dtab1", vector.salt, "variant", vector.signal_id, vector.signal_hash)
    )
    assert draw.digest == hashlib.sha256(payload).hexdigest() == vector.digest


def test_text_that_looks_the_same_draws_the_same_however_it_is_composed() -> None:
    composed, decomposed = "exp-\u00e9", "exp-e\u0301"

    draws = {
        experiment.draw(salt=salt, purpose=Purpose.VARIANT, signal_id="s", signal_hash="h")
        for salt in (composed, decomposed)
    }

    assert len(draws) == 1


@pytest.mark.parametrize("field", ["salt", "signal_id", "signal_hash"])
@pytest.mark.parametrize("bad", ["", "a\x1fb", "\x1f"])
def test_an_empty_field_and_one_with_the_separator_are_refused(field: str, bad: str) -> None:
    given_fields = {"salt": "salt", "signal_id": "id", "signal_hash": "hash"} | {field: bad}

    with pytest.raises(AssignmentInputInvalid, match=r"non-empty and free of U\+001F"):
        experiment.draw(purpose=Purpose.VARIANT, **given_fields)


@pytest.mark.property_id(7, 8)
@given(salt=FIELDS, signal_id=FIELDS, signal_hash=FIELDS, purpose=st.sampled_from(Purpose))
def test_a_draw_depends_on_its_fields_alone(salt: str, signal_id: str, signal_hash: str, purpose: Purpose) -> None:
    first, again = (
        experiment.draw(salt=salt, purpose=purpose, signal_id=signal_id, signal_hash=signal_hash) for _ in range(2)
    )

    assert first == again
    assert 0 <= first.bucket_ppm < PPM
    assert first.bucket_ppm == int(first.digest[:16], 16) * PPM // 2**64


@pytest.mark.property_id(7)
@given(salt=FIELDS, signal_id=FIELDS, signal_hash=FIELDS)
def test_each_purpose_is_a_stream_of_its_own(salt: str, signal_id: str, signal_hash: str) -> None:
    digests = {
        experiment.draw(salt=salt, purpose=purpose, signal_id=signal_id, signal_hash=signal_hash).digest
        for purpose in Purpose
    }

    assert len(digests) == len(Purpose)


@pytest.mark.property_id(41)
@given(bucket=BUCKETS, splits=st.tuples(SPLITS, SPLITS))
def test_raising_the_split_only_moves_b_to_a(bucket: int, splits: tuple[int, int]) -> None:
    low, high = (experiment.choose_variant(bucket, split_ppm=split) for split in sorted(splits))

    assert (low, high) != (EngineSlot.A, EngineSlot.B)


@pytest.mark.property_id(33)
@given(bucket=BUCKETS)
def test_a_split_of_everything_is_always_a_and_of_nothing_always_b(bucket: int) -> None:
    assert experiment.choose_variant(bucket, split_ppm=PPM) is EngineSlot.A
    assert experiment.choose_variant(bucket, split_ppm=0) is EngineSlot.B


@pytest.mark.property_id(33)
@pytest.mark.parametrize("split_ppm", [100_000, 290_000, 500_000])
def test_about_the_split_of_many_signals_is_a(split_ppm: int) -> None:
    draws = (
        experiment.draw(salt="s", purpose=Purpose.VARIANT, signal_id=f"sig-{number}", signal_hash=A64)
        for number in range(10_000)
    )

    share_a = sum(draw.bucket_ppm < split_ppm for draw in draws) / 10_000

    assert share_a == pytest.approx(split_ppm / PPM, abs=0.015)


@pytest.mark.property_id(4, 9)
@given(signal_id=st.uuids(), signal_hash=FIELDS, split_ppm=SPLITS, salt=FIELDS)
def test_an_assignment_recomputes_from_what_it_stores(
    signal_id: UUID, signal_hash: str, split_ppm: int, salt: str
) -> None:
    signal = replace(a_signal(), signal_id=signal_id, signal_hash=signal_hash)
    study = replace(a_study(), salt=salt)
    policy = PolicyVersion(
        policy_version_id=1,
        book="paper",
        label="v1",
        mode=ExecutionMode.ENGINE_A_PRIMARY,
        split_ppm=split_ppm,
        paused=False,
    )

    assignment = experiment.assign(study, policy, signal=signal, reference_notional=Decimal(100_000))

    again = experiment.draw(
        salt=salt, purpose=Purpose.VARIANT, signal_id=str(assignment.signal_id), signal_hash=signal.signal_hash
    )
    assert (assignment.assignment_hash, assignment.bucket_ppm) == (again.digest, again.bucket_ppm)
    assert assignment.variant is experiment.choose_variant(again.bucket_ppm, split_ppm=assignment.split_ppm)
    assert (assignment.study_id, assignment.policy_version, assignment.split_ppm) == (study.study_id, "v1", split_ppm)
    assert signal.signal_hash == signal_hash


@pytest.mark.parametrize(
    ("share", "ppm"), [("0", 0), ("1", PPM), ("0.29", 290_000), ("0.57", 570_000), ("0.580", 580_000), ("1e-6", 1)]
)
def test_a_share_becomes_parts_per_million_without_losing_any(share: str, ppm: int) -> None:
    assert experiment.split_to_ppm(Decimal(share)) == ppm


@pytest.mark.property_id(33)
@given(SPLITS)
def test_every_whole_ppm_is_a_share(ppm: int) -> None:
    assert experiment.split_to_ppm(Decimal(ppm) / PPM) == ppm


@pytest.mark.parametrize(
    "share", ["50", "-0.1", "1.000001", "0.1234567", "0.5" + "0" * 40 + "1", "NaN", "Infinity", "-Infinity"]
)
def test_a_share_that_is_none_or_finer_than_a_millionth_is_refused(share: str) -> None:
    with pytest.raises(ValueError, match="between 0 and 1 with at most 6 decimals"):
        experiment.split_to_ppm(Decimal(share))
