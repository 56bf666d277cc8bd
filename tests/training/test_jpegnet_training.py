"""Training the JPEG network: crops are what libjpeg makes, the grid is where the network is told, a run resumes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from training_tiles import fill, smooth_tile

from vdequant.errors import UsageError
from vdequant.models.jpegnet import Jpegnet, JpegnetSpec
from vdequant.models.jpegnet_weights import read_jpegnet, write_jpegnet
from vdequant.quantizers.jpeg import JpegQuantizer
from vdequant.training.jpeg_pairs import (
    JpegSampler,
    busiest,
    jpeg_roundtrip,
    other_tables,
    standard_tables,
    toned,
    turned,
)
from vdequant.training.lesson_jpeg import JpegLesson
from vdequant.training.loop import TrainSettings
from vdequant.training.recipe_jpegnet import JpegOrder, train_jpegnet

TINY = JpegnetSpec((4, 4), (1, 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("photos"), 2, knots=20)


def test_other_tables_are_whole_steps_of_another_shape() -> None:
    rng = np.random.default_rng(1)
    luma, chroma = other_tables(40, rng)
    for table in (luma, chroma):
        assert table.min() >= 1
        assert table.max() <= 255
        assert np.array_equal(table, np.round(table))
    assert not any(np.array_equal(luma, standard_tables(quality)[0]) for quality in range(1, 101))


def test_the_roundtrip_is_that_of_opencvs_qualities() -> None:
    pixels = smooth_tile(2, 20)
    coded = cv2.imencode(".jpg", np.ascontiguousarray(pixels[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 20])[1]
    theirs = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))[..., ::-1]
    assert np.array_equal(jpeg_roundtrip(pixels, standard_tables(20), "420"), theirs)


def test_crops_begin_where_the_grid_does() -> None:
    """Only then does a second pass with the same tables change nothing."""
    sampler = JpegSampler([smooth_tile(3, 20)], [], seed=1, side=32)
    seen = 0
    for number in range(12):
        batch = sampler.batch(2, number)
        if (batch.across, batch.down) != (1, 1):
            continue
        for stored, luma, chroma in zip(batch.stored, batch.luma, batch.chroma, strict=True):
            if not 25 <= float(luma.mean()) <= 120:  # unknown, or too fine or too coarse to come to rest
                continue
            quantizer = JpegQuantizer((luma.double(), chroma.double()), "444")
            again = quantizer.quantize(stored[None])[0]
            assert float((again - stored).abs().mean()) < 0.6 / 255
            seen += 1
    assert seen


def test_a_batch_depends_on_its_number_alone() -> None:
    sampler = JpegSampler([smooth_tile(3, 20), smooth_tile(4, 20)], [0], seed=1, side=32)
    first = sampler.batch(2, 5)
    sampler.batch(2, 6)
    again = sampler.batch(2, 5)
    assert torch.equal(first.stored, again.stored)
    assert not torch.equal(first.stored, sampler.batch(2, 6).stored)


def test_crops_are_turned_in_all_eight_ways_and_keep_their_pixels() -> None:
    crop, rng = np.arange(48, dtype=np.uint8).reshape(4, 4, 3), np.random.default_rng(1)
    found = [turned(crop, rng) for _ in range(300)]
    assert len({picture.sum(2).tobytes() for picture in found}) == 8
    assert len({picture.tobytes() for picture in found}) > 8  # channels are swapped as well
    assert all(np.array_equal(np.sort(picture, axis=None), np.arange(48)) for picture in found)


def test_other_tones_keep_the_order_of_each_channels_values() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    for seed in range(20):
        other = toned(ramp, np.random.default_rng(seed)).astype(int)
        assert (np.diff(other, axis=1) >= 0).all()
        assert other.max() > other.min() + 100


def test_the_busiest_of_some_crops_is_the_one_with_detail() -> None:
    flat, stripes = np.full((8, 8, 3), 90, np.uint8), np.zeros((8, 8, 3), np.uint8)
    stripes[:, ::2] = 255
    assert busiest([flat, stripes, flat]) is stripes


def test_crops_of_every_size_fit_into_shrunk_tiles() -> None:
    for side in (96, 224):
        sampler = JpegSampler([smooth_tile(3, 20)], [], seed=1, side=side)
        assert all(sampler.batch(2, number).stored.shape == (2, 3, side, side) for number in range(12))


@pytest.mark.parametrize("side", [40, 240])
def test_a_side_off_the_grid_or_beyond_the_tiles_is_refused(side: int) -> None:
    with pytest.raises(ValueError, match="expected a side that is a multiple of 16 up to 224"):
        JpegSampler([smooth_tile(3, 20)], [], seed=1, side=side)


def test_held_back_pictures_are_scored_and_not_drawn(folder: Path) -> None:
    lesson = JpegLesson.of_folders([folder])
    assert (len(lesson.tiles), len(lesson.held)) == (2, 1)


def test_an_interrupted_run_ends_with_the_same_weights(folder: Path, tmp_path: Path) -> None:
    def order(name: str, steps: int) -> JpegOrder:
        settings = TrainSettings(steps=steps, batch=2, side=16, rate=5e-3, validate_every=0, save_every=0.0)
        return JpegOrder((folder,), tmp_path / f"{name}.safetensors", tmp_path / name, settings, spec=TINY)

    class KilledError(Exception):
        pass

    def kill(trainer: object, loss: float) -> None:
        raise KilledError

    train_jpegnet(order("whole", 6))
    cut = order("cut", 6)
    quick = TrainSettings(steps=6, batch=2, side=16, rate=5e-3, validate_every=0, save_every=0.0, log_every=4)
    with pytest.raises(KilledError):
        train_jpegnet(JpegOrder(cut.folders, cut.output, cut.runs, quick, spec=TINY), kill)
    resumed = train_jpegnet(cut)
    assert resumed.steps == 6
    whole, again = (read_jpegnet(tmp_path / f"{name}.safetensors").state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(whole[key], again[key]) for key in whole)
    assert "4:2:0" in (tmp_path / "cut.md").read_text()


def test_a_run_begins_at_the_weights_of_a_smaller_network(folder: Path, tmp_path: Path) -> None:
    def order(name: str, spec: JpegnetSpec, rate: float, init: Path | None) -> JpegOrder:
        settings = TrainSettings(steps=2, batch=2, side=16, rate=rate, validate_every=0)
        return JpegOrder(
            (folder,),
            tmp_path / f"{name}.safetensors",
            tmp_path / name,
            settings,
            spec=spec,
            init=init,
            before="Small.",
        )

    smaller = order("small", TINY, 5e-3, None)
    train_jpegnet(smaller)
    train_jpegnet(order("large", JpegnetSpec((6, 5), (2, 1)), 0.0, smaller.output))
    known, grown = (read_jpegnet(tmp_path / f"{name}.safetensors").float() for name in ("small", "large"))
    picture, steps = torch.rand(1, 3, 32, 32), torch.full((1, 8, 8), 9.0)
    assert (known(picture, steps, steps) - picture).abs().max() > 1e-3
    torch.testing.assert_close(grown(picture, steps, steps), known(picture, steps, steps), rtol=0, atol=1e-3)
    assert "Small. Then 2 steps" in (tmp_path / "large.md").read_text()


def test_weights_of_a_larger_network_are_refused(folder: Path, tmp_path: Path) -> None:
    larger = tmp_path / "larger.safetensors"
    write_jpegnet(Jpegnet(JpegnetSpec((8, 4), (1, 1))), larger)
    settings = TrainSettings(steps=1, batch=1, side=16, validate_every=0)
    with pytest.raises(UsageError, match="expected --init of a network that is no larger"):
        train_jpegnet(JpegOrder((folder,), tmp_path / "o.safetensors", tmp_path, settings, spec=TINY, init=larger))
    assert not (tmp_path / "o.safetensors").exists()
