"""Training behind video codecs: real codecs make the pairs, and crops keep how color lies beside luma."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from training_tiles import fill, smooth_tile

from vdequant.frames import Siting
from vdequant.media.codec_clips import ENCODERS, Encoding, codec_roundtrip, random_encoding, x264
from vdequant.models.cellnet import Cellnet, CellnetSpec
from vdequant.models.cellnet_weights import read_cellnet
from vdequant.quantizers.video import TO_LUMA, VideoQuantizer, changed
from vdequant.restorers.cellnet import CellnetOfFile
from vdequant.training import codec_pairs, lesson_codec
from vdequant.training.codec_pairs import (
    WINDOW,
    CodecPair,
    CodecSampler,
    _with_grain,
    codec_pair,
    with_color_beside,
)
from vdequant.training.lesson_codec import CodecLesson, codec_loss
from vdequant.training.loop import TrainSettings
from vdequant.training.recipe_cellnet import Order, train

SITED = (Siting.LEFT, Siting.CENTER)


def error(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.square(one.astype(float) - other.astype(float)).mean())


def random_of(encoder: str) -> Encoding:
    rng = np.random.default_rng(2)
    return next(how for how in iter(lambda: random_encoding(rng), None) if how.encoder == encoder)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_gives_the_clip_back_nearly(encoder: str) -> None:
    pictures = [np.ascontiguousarray(smooth_tile(3, 6)[:64, i : i + 64]) for i in range(3)]
    decoded = codec_roundtrip(pictures, random_of(encoder))
    assert len(decoded) == 3
    for picture, found in zip(pictures, decoded, strict=True):
        assert found.shape == picture.shape
        assert 0 < error(picture, found) < 200


def test_a_coarser_codec_errs_more_and_less_color_is_lost_in_444() -> None:
    picture = np.ascontiguousarray(smooth_tile(3, 60)[:128, :128])
    fine, coarse, full = (
        error(picture, codec_roundtrip([picture], how)[0]) for how in (x264(12), x264(36), x264(12, "yuv444p"))
    )
    assert full < fine < coarse


def test_chroma_that_was_put_left_is_decoded_where_it_was() -> None:
    """A file says nothing of it, and decoders take it for left; what FFmpeg's scaler centers is shown shifted."""
    red = np.tile(np.linspace(0, 255, 128, dtype=np.uint8), (64, 1))
    picture = np.stack([red, 128 - red // 4, 255 - red], -1)
    left, center = (error(picture, codec_roundtrip([picture], x264(1, siting=place))[0]) for place in SITED)
    assert left < center / 1.2


def test_grain_is_the_same_in_all_channels() -> None:
    flat = np.full((256, 256, 3), 128, np.uint8)
    grainy = _with_grain(flat, np.random.default_rng(1))
    assert 0.4 < float(grainy.std()) < 6
    assert bool((grainy[..., 0] == grainy[..., 2]).all())


def test_a_pair_is_of_one_place() -> None:
    """However the picture moved: what is stored is nearer to its truth than to the truth a pixel beside."""
    rng = np.random.default_rng(5)
    nearer = 0
    for _ in range(12):
        pair = codec_pair(smooth_tile(4, 60), rng)
        assert pair.truth.shape == pair.stored.shape == (WINDOW, WINDOW, 3)
        nearer += error(pair.truth, pair.stored) < error(pair.truth[:, 1:], pair.stored[:, :-1])
    assert nearer >= 11  # one is a smooth gradient that a coarse codec has flattened


def test_color_is_put_beside_luma_of_photographs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec_pairs, "BESIDE_SHARE", 1.0)
    photo, drawn = smooth_tile(3, 60)[:WINDOW, :WINDOW], np.zeros((WINDOW, WINDOW, 3), np.uint8)
    drawn[50:90, 30:70] = 200, 30, 90
    for picture, moves in ((photo, True), (drawn, False)):
        batch = CodecSampler([CodecPair(picture, picture)], 1, 64).batch(3, 0)
        crops = torch.from_numpy(picture.copy()).permute(2, 0, 1).to(torch.float32) / 255
        known = {tuple(color) for color in crops.flatten(1).T.tolist()}
        found = {tuple(color) for color in batch.truth[0].flatten(1).T.tolist()}
        assert (found <= known) != moves
        assert torch.equal(batch.truth, batch.stored)


def test_color_moves_by_so_many_pixels_and_luma_stays() -> None:
    x = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(1)) * 0.3 + 0.35
    moved = with_color_beside(x, 2.0, 1.0)
    assert torch.allclose(changed(TO_LUMA, moved)[:, :1], changed(TO_LUMA, x)[:, :1], atol=1e-5)
    assert torch.allclose(
        changed(TO_LUMA, moved)[..., 1:, 2:][:, 1:], changed(TO_LUMA, x)[..., :-1, :-2][:, 1:], atol=1e-4
    )


def test_crops_are_mirrored_up_and_down_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec_pairs, "BESIDE_SHARE", 0.0)
    across, down = np.meshgrid(np.arange(WINDOW), np.arange(WINDOW))
    ramp = np.stack([across, down, np.full_like(down, 128)], -1).astype(np.uint8)
    batch = CodecSampler([CodecPair(ramp, ramp)], 1, 16).batch(24, 0)
    assert bool((batch.truth[:, 0].diff(dim=-1) > 0).all())
    falls = (batch.truth[:, 1].diff(dim=-2) < 0).flatten(1)
    assert {bool(one) for one in falls.all(1)} == {True, False}
    assert bool((batch.truth[:, 2] == 128 / 255).all())


def test_a_batch_depends_on_its_number_alone() -> None:
    rng = np.random.default_rng(1)
    sampler = CodecSampler([codec_pair(smooth_tile(4, 60), rng) for _ in range(2)], 1, 32)
    first = sampler.batch(2, 5)
    sampler.batch(2, 6)
    assert torch.equal(first.stored, sampler.batch(2, 5).stored)
    assert not torch.equal(first.stored, sampler.batch(2, 6).stored)
    with pytest.raises(ValueError, match="side"):
        CodecSampler([], 1, WINDOW + 1)


def test_the_loss_of_doing_nothing_is_one_for_colors_and_one_for_luma() -> None:
    pair = codec_pair(smooth_tile(4, 60), np.random.default_rng(4))
    batch = CodecSampler([pair], 1, 64).batch(2, 0)
    assert 1.2 < float(codec_loss(batch.stored, batch)) <= 2
    assert float(codec_loss(batch.truth, batch)) == 0


def test_a_trained_network_is_told_so_and_used_behind_codecs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    fill(folder, 2, knots=60)
    settings = TrainSettings(steps=3, batch=2, side=16, log_every=1, validate_every=0)
    order = Order((folder,), "s", tmp_path / "mine.safetensors", tmp_path / "runs", settings, subject="codec")
    trainer = train(order)
    assert trainer.steps == 3
    assert "VP9" in (tmp_path / "mine.md").read_text()
    assert read_cellnet(tmp_path / "mine.safetensors").spec.video
    monkeypatch.setattr(lesson_codec, "codec_pair", None)  # pairs are made once
    assert CodecLesson.of_folders([folder], tmp_path / "runs").pairs
    made = CellnetOfFile(tmp_path / "mine.safetensors")
    torch.nn.init.constant_(made.levels.tail.bias, 3.0)  # type: ignore[arg-type]
    y = torch.full((1, 3, 16, 16), 0.5)
    with torch.inference_mode():
        moved = (made.restore(y, VideoQuantizer(2 / 255).cells(y)) - y).abs()
    assert float(moved.max()) > 30 / 255  # farther than a box of 12 codes


def test_held_tiles_are_scored_by_color_and_luma() -> None:
    lesson = CodecLesson([], [smooth_tile(4, 60)])
    scores = lesson.score(Cellnet(CellnetSpec(4, (1,), video=True)).eval())
    assert {"crf 12 color", "crf 28 luma", "mean"} <= set(scores)
    assert scores["mean"] == pytest.approx(0, abs=0.2)  # an untrained network moves to the middle of its cells
