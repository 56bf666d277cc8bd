from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from gifs import as_gif
from PIL import Image

from vdequant.errors import ModelError
from vdequant.quantizers import dither_finder, dithering
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.dithering import diffusion_odds, is_dithered, levels_are_dithered
from vdequant.quantizers.estimate import estimate
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.training.screens import flat_record


def scene(seed: int, side: int = 64) -> Image.Image:
    """Shaded discs on a sloping background, with a little grain."""
    random = np.random.default_rng(seed)
    down, across = np.mgrid[:side, :side] / side
    picture = np.stack([0.2 + 0.6 * across, 0.3 + 0.4 * down, 0.7 - 0.4 * across * down], axis=-1)
    for _ in range(5):
        row, column, radius = random.uniform([0.1, 0.1, 0.1], [0.9, 0.9, 0.25])
        distance = np.hypot(down - row, across - column) / radius
        shade = np.sqrt(np.clip(1 - distance**2, 0, 1))[..., None] * random.uniform(0.3, 1, 3)
        picture = np.where(distance[..., None] < 1, shade, picture)
    noisy = picture + random.normal(0, 0.006, picture.shape)
    return Image.fromarray((noisy.clip(0, 1) * 255).astype(np.uint8))


def cut(picture: Image.Image, colors: int, dither: bool) -> torch.Tensor:
    palette = picture.quantize(colors, dither=Image.Dither.NONE)
    if dither:
        palette = picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    return torch.from_numpy(np.array(palette.convert("RGB"))).permute(2, 0, 1) / 255


@pytest.mark.parametrize("colors", [4, 8, 16, 32])
def test_error_diffusion_is_recognized(colors: int) -> None:
    assert is_dithered([cut(scene(seed), colors, dither=True) for seed in range(3)])


@pytest.mark.parametrize("colors", [4, 8, 16, 32, 64])
def test_the_same_pictures_without_it_are_not(colors: int) -> None:
    assert not is_dithered([cut(scene(seed), colors, dither=False) for seed in range(3)])


@pytest.mark.parametrize("dither", ["floyd_steinberg", "sierra2_4a"])
@pytest.mark.parametrize("colors", [64, 256])
def test_gifs_of_many_colors_that_ffmpeg_dithered_are_recognized(colors: int, dither: str) -> None:
    pictures = [torch.from_numpy(np.array(scene(seed, 128))).permute(2, 0, 1) / 255 for seed in range(3)]
    assert is_dithered([as_gif(picture, colors, dither) for picture in pictures])
    assert not is_dithered([as_gif(picture, colors, "none") for picture in pictures])


@pytest.mark.parametrize("seed", range(6))
def test_drawn_screens_are_not_taken_for_dithered(seed: int) -> None:
    record = flat_record(np.random.default_rng(seed))
    screen = torch.from_numpy(record.palette[record.index]).permute(2, 0, 1) / 255
    assert not is_dithered([screen])
    assert not levels_are_dithered([screen])


def two_tones(pattern: torch.Tensor) -> torch.Tensor:
    return torch.where(pattern, 0.8, 0.2).expand(3, -1, -1)


def test_drawn_patterns_are_not_taken_for_error_diffusion() -> None:
    rows, columns = torch.arange(64)[:, None], torch.arange(64)
    checker = (rows + columns) % 2 == 0
    half = checker & (columns > 20) & (rows > 30)
    lines = (columns % 2 == 0).expand(64, 64)
    dots = (rows % 2 == 0) & (columns % 2 == 0)
    for pattern in (checker, half, lines, dots):
        assert not estimate([two_tones(pattern)], lossy_codec=False, stored_bits=8).dithered


def test_flat_and_tiny_and_many_colored_pictures_are_excluded() -> None:
    assert diffusion_odds(torch.zeros(3, 64, 64)) == -np.inf
    assert diffusion_odds(torch.rand(3, 8, 8)) == -np.inf
    assert diffusion_odds(torch.rand(3, 64, 64)) == -np.inf
    assert not is_dithered([])


LEVELS = [UniformQuantizer.of_bits((3, 3, 2)), UniformQuantizer.of_bits((1, 2, 2)), UniformQuantizer.of_levels(12)]


def in_levels(quantizer: UniformQuantizer, dither: str) -> list[torch.Tensor]:
    found = []
    for seed in range(4):
        picture = torch.from_numpy(np.array(scene(seed, 128))).permute(2, 0, 1)[None] / 255
        found.append((DitherQuantizer(quantizer, dither) if dither else quantizer).quantize(picture)[0])
    return found


@pytest.mark.parametrize("quantizer", LEVELS, ids=lambda each: each.describe())
def test_error_diffusion_of_each_channel_is_recognized(quantizer: UniformQuantizer) -> None:
    for dither in ("fs", "atkinson", "jarvis"):
        assert levels_are_dithered(in_levels(quantizer, dither))
    assert not levels_are_dithered(in_levels(quantizer, ""))
    assert not levels_are_dithered([])


def test_files_of_dithered_levels_are_found_to_be_dithered() -> None:
    dithered, plain = in_levels(LEVELS[0], "fs"), in_levels(LEVELS[0], "")
    found = [estimate(pictures, lossy_codec=False, stored_bits=8) for pictures in (dithered, plain)]
    assert [each.kind for each in found] == ["lattice", "lattice"]
    assert [each.dithered for each in found] == [True, False]


def test_a_channel_of_black_and_white_is_dithered_between_these_two() -> None:
    pictures = in_levels(UniformQuantizer.of_bits((1, 2, 2)), "fs")
    found = estimate(pictures, lossy_codec=False, stored_bits=8)
    assert [len(channel) for channel in found.quantizer.levels] == [2, 4, 4]
    assert "2-4-4 levels" in found.description
    plain = estimate(in_levels(UniformQuantizer.of_bits((2, 2, 2)), "fs"), lossy_codec=False, stored_bits=8)
    assert [len(channel) for channel in plain.quantizer.levels] == [4, 4, 4]


def test_no_more_pictures_are_looked_at_than_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    odds = {0: 9.0, 1: -9.0, 2: 9.0}
    seen: list[int] = []

    def looked(picture: torch.Tensor) -> float:
        seen.append(int(picture[0, 0, 0]))
        return odds[seen[-1]]

    monkeypatch.setattr(dithering, "diffusion_odds", looked)
    pictures = [torch.full((3, 24, 24), float(number)) for number in (0, 2, 1)]
    assert is_dithered(pictures)
    assert seen == [0, 2]
    assert is_dithered([pictures[0], pictures[2], pictures[1]])
    assert not is_dithered([pictures[0], pictures[2]])


def test_missing_weights_of_the_finder_are_said_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dither_finder, "WEIGHTS", tmp_path / "none.safetensors")
    dither_finder._trained.cache_clear()
    with pytest.raises(ModelError, match="reinstall vdequant"):
        is_dithered([cut(scene(0), 8, dither=True)])
    dither_finder._trained.cache_clear()


def test_a_screens_dark_lines_are_no_dither() -> None:
    """Shades with every second line at half its brightness, as emulators draw a tube; without them dither is found."""
    shade = torch.linspace(0.2, 0.9, 96).expand(3, 96, 96)
    diffused = DitherQuantizer(UniformQuantizer.of_levels(4), "fs").quantize(shade[None])[0]
    lined = diffused.clone()
    lined[:, 1::2] *= 0.5
    assert is_dithered([diffused])
    assert not is_dithered([lined])
    assert not is_dithered([(shade * 8).round() / 8 * (1 - 0.5 * (torch.arange(96) % 2))[:, None]])
