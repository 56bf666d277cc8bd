"""JPEG pairs: by number alone, of held-back sources never, in [-1, 1]."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from make import grained
from PIL import Image

from vdequant.training.data import SIDE
from vdequant.training.pairs_dequantizernet import HeldBack, JpegSampler, Tiles, jpeg, load_tiles, signed


@pytest.fixture(scope="module")
def tiles() -> Tiles:
    return Tiles([grained(seed, SIDE) for seed in range(3)], [grained(9, SIDE)])


def test_a_batch_depends_on_seed_and_number_alone(tiles: Tiles) -> None:
    first, again = JpegSampler(tiles, (1, 50), 32, 1), JpegSampler(tiles, (1, 50), 32, 1)
    again.batch(2, 3)
    assert torch.equal(first.batch(2, 7).stored, again.batch(2, 7).stored)
    assert not torch.equal(first.batch(2, 7).stored, first.batch(2, 8).stored)
    assert not torch.equal(first.batch(2, 7).truth, JpegSampler(tiles, (1, 50), 32, 2).batch(2, 7).truth)


def test_pairs_are_pictures_between_minus_one_and_one(tiles: Tiles) -> None:
    pairs = JpegSampler(tiles, (10,), 32, 1).batch(4, 1)
    for part in (pairs.truth, pairs.stored):
        assert part.shape == (4, 3, 32, 32)
        assert -1 <= part.min() < 0 < part.max() <= 1


def test_what_is_stored_is_opencvs_decode_of_the_truth(tiles: Tiles) -> None:
    pairs = JpegSampler(tiles, (10,), 32, 1).batch(1, 1)
    truth = ((pairs.truth[0] + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
    assert torch.equal(signed([jpeg(truth, 10)]), pairs.stored)
    file = cv2.imencode(".jpg", truth[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 10])[1]
    assert np.array_equal(jpeg(truth, 10), cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1])


def test_lower_quality_loses_more(tiles: Tiles) -> None:
    scores = HeldBack(tiles, (1, 50), 64).score(Copy())
    assert scores["q1"] < scores["q50"] - 3
    assert scores["mean"] == pytest.approx((scores["q1"] + scores["q50"]) / 2)


def test_nothing_held_back_gives_no_scores(tiles: Tiles) -> None:
    assert HeldBack(Tiles(tiles.taught), (1,), 32).score(Copy()) == {}


def test_tiles_of_held_back_sources_are_kept_apart(tmp_path: Path) -> None:
    for name in ("picture1_0", "picture39_0"):  # the checksum of the second puts it on the validation side
        Image.fromarray(grained(len(name), SIDE)).save(tmp_path / f"{name}.png")
    tiles = load_tiles([tmp_path])
    assert (len(tiles.taught), len(tiles.held)) == (1, 1)


class Copy(torch.nn.Module):
    """Answers what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x
