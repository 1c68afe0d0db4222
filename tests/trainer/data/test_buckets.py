"""Choice of buckets and framing, against vectors worked out by hand from the rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from trainer.data.buckets import Bucket, Framing, check_buckets, choose_bucket, kept_frames
from trainer.files.checkpoint import VaeScale

SCALE = VaeScale(32, 8)
WIDE = Bucket(49, 544, 960)
WIDE_LONG = Bucket(89, 544, 960)
SQUARE = Bucket(121, 512, 512)
SMALL_SQUARE = Bucket(121, 256, 256)


@pytest.mark.parametrize(
    ("width", "height", "frames", "expected"),
    [
        (1920, 1080, 200, WIDE_LONG),  # closest aspect, then most frames
        (1920, 1080, 88, WIDE),  # the long one needs 89
        (1000, 1000, 300, SQUARE),  # equal aspect and frames: the larger area
        (1000, 1000, 120, WIDE_LONG),  # no square fits; aspect is equal for both wide ones, more frames win
        (1080, 1920, 500, SQUARE),  # portrait: the square is nearest
        (1920, 1080, 48, None),
    ],
)
def test_choice(width: int, height: int, frames: int, expected: Bucket | None) -> None:
    assert choose_bucket([WIDE, SMALL_SQUARE, WIDE_LONG, SQUARE], width, height, frames) == expected


def test_sizes_become_buckets_or_name_the_nearest_that_fits() -> None:
    assert check_buckets([(960, 544, 89)], SCALE) == (WIDE_LONG,)
    for size, nearest in (((960, 540, 89), "960x544x89"), ((960, 544, 90), "960x544x89"), ((10, 32, 3), "32x32x1")):
        with pytest.raises(UsageError, match="does not fit") as caught:
            check_buckets([size], SCALE)
        assert nearest in caught.value.hint


def test_other_vae_other_buckets() -> None:
    assert check_buckets([(48, 16, 5)], VaeScale(16, 4)) == (Bucket(5, 16, 48),)


@pytest.mark.parametrize(
    ("width", "height", "bucket", "expected"),
    [
        (1920, 1080, Bucket(1, 512, 512), Framing(910, 512, 199, 0, 512, 512)),  # int(910.2), 398 // 2
        (1080, 1920, Bucket(1, 512, 512), Framing(512, 910, 0, 199, 512, 512)),
        (96, 64, Bucket(1, 64, 64), Framing(96, 64, 16, 0, 64, 64)),
        (320, 240, Bucket(1, 480, 640), Framing(640, 480, 0, 0, 640, 480)),
    ],
)
def test_framing_covers_and_cuts_the_middle(width: int, height: int, bucket: Bucket, expected: Framing) -> None:
    assert Framing.centred(width, height, bucket) == expected


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 40), st.integers(1, 40))
def test_framing_always_covers(width: int, height: int, columns: int, rows: int) -> None:
    framing = Framing.centred(width, height, Bucket(1, rows * 32, columns * 32))
    assert 0 <= framing.left <= framing.scaled_width - framing.width
    assert 0 <= framing.top <= framing.scaled_height - framing.height
    assert framing.scaled_width == framing.width or framing.scaled_height == framing.height


def test_references_are_exact_fractions() -> None:
    assert Bucket(33, 128, 192).reduced(2, 2, SCALE) == Bucket(17, 64, 96)
    assert kept_frames(33, 2) == (0, *range(1, 33, 2))
    assert len(kept_frames(33, 2)) == 17
    assert kept_frames(9, 1) == tuple(range(9))
    with pytest.raises(UsageError, match="2 times smaller"):
        Bucket(33, 96, 192).reduced(2, 1, SCALE)
    with pytest.raises(UsageError, match="one frame in 4"):
        Bucket(41, 128, 192).reduced(1, 4, SCALE)


def test_latent_size() -> None:
    assert WIDE_LONG.latent(SCALE) == (12, 17, 30)
