"""The palette lock: equal stored colors in one place get one value."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vdequant.metrics.temporal import flicker
from vdequant.quantizers.base import Cells
from vdequant.quantizers.mean_cells import dithered_cells
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.temporal.base import RestoredFrame
from vdequant.temporal.lock import Lock

LEVELS = UniformQuantizer.of_levels(8)


def ramp() -> Tensor:
    return torch.linspace(0.1, 0.9, 48).expand(1, 3, 32, 48).contiguous()


def blurred(y: Tensor) -> Tensor:
    """A restorer that looks two pixels around, as networks look farther."""
    return LEVELS.cells(y).project(torch.nn.functional.avg_pool2d(y, 5, 1, 2, count_include_pad=False))


def passing_box(count: int = 10) -> list[RestoredFrame]:
    made = []
    for moment in range(count):
        x = ramp()
        x[..., 8:16, 3 * moment : 3 * moment + 8] = 0.95
        y = LEVELS.quantize(x)
        made.append(RestoredFrame(y, blurred(y), LEVELS.cells))
    return made


def run(frames: list[RestoredFrame], lock: Lock | None = None) -> Tensor:
    lock = lock or Lock()
    return torch.cat([frame.restored for item in frames for frame in lock.push(item)])


def test_a_sprite_that_passes_adds_no_flicker_beside_it() -> None:
    given = passing_box()
    stored = torch.cat([frame.y for frame in given])
    assert flicker(torch.cat([frame.restored for frame in given]), stored) > 0
    assert flicker(run(given), stored) == 0


def test_held_values_stay_in_their_cells() -> None:
    given = passing_box()
    for frame, x in zip(given, run(given).split(1), strict=True):
        assert LEVELS.cells(frame.y).contains(x).all()


def test_what_lags_behind_stays_in_a_palettes_slanted_cells() -> None:
    """Clamping each channel of the old value to near the new one alone would end beyond both."""
    palette = PaletteQuantizer(torch.tensor([[0.0, 0, 0], [1, 1, 1]]))
    y = torch.zeros(1, 3, 32, 32)
    moved = y.clone()
    moved[..., 4, 4] = 1.0
    ends = [torch.tensor(color).view(1, 3, 1, 1).expand(1, 3, 32, 32) for color in ([1.0, 0.45, 0], [0.75, 0, 0.7])]
    lock = Lock(play=0.4)
    elsewhere = y.clone()
    elsewhere[..., 20, 20] = 1.0  # a repeated picture would be held as it is
    for stored, value in ((moved, moved), (y, ends[0]), (elsewhere, ends[1])):
        held = lock.push(RestoredFrame(stored, value, palette.cells, pixelwise=True))[0].restored
    assert palette.cells(y).contains(held)[..., 4, 4].all()
    assert 0 < float((held - ends[1])[..., 4, 4].abs().max()) <= 0.4 + 1e-6


def test_palette_values_are_held_to_the_last_bit() -> None:
    palette = PaletteQuantizer(torch.rand(6, 3))
    y = palette.quantize(torch.rand(1, 3, 16, 16))
    changed = y.clone()
    changed[..., 4, 4] = palette.palette[0] + (y[0, :, 4, 4] == palette.palette[0]).all() * (
        palette.palette[1] - palette.palette[0]
    )
    first, second = (palette.cells(y).project(torch.rand_like(y)) for _ in range(2))
    lock = Lock()
    lock.push(RestoredFrame(y, first, palette.cells))
    held = lock.push(RestoredFrame(changed, second, palette.cells))[0].restored
    same = (changed == y).all(1, keepdim=True).expand_as(y)
    assert torch.equal(held[same], first[same])
    assert torch.equal(held[~same], second[~same])


def test_places_that_have_changed_follow_the_restorer_to_within_the_play() -> None:
    play = 2 / 255
    given = passing_box()
    changed = torch.zeros(1, 1, 32, 48, dtype=torch.bool)
    for before, frame, x in zip(given, given[1:], run(given, Lock(play)).split(1)[1:], strict=False):
        changed |= (before.y != frame.y).any(1, keepdim=True)
        off = ((x - frame.restored).abs() * changed).max()
        assert off <= play + 1e-6


def test_dithered_results_are_moved_into_the_cells_again() -> None:
    def cells(y: Tensor) -> object:
        return dithered_cells(LEVELS.cells(y))

    given = [RestoredFrame(f.y, cells(f.y).project(f.restored), cells, pixelwise=False) for f in passing_box()]  # type: ignore[attr-defined,arg-type]
    for frame, x in zip(given, run(given).split(1), strict=True):
        assert frame.cells_of(frame.y).contains(x).float().mean() > 0.999


@pytest.mark.parametrize(("drift", "held"), [(5 / 255, True), (20 / 255, False)])
def test_the_shade_of_an_edge_that_has_passed_does_not_stay_in_dither(drift: float, held: bool) -> None:
    """The stored color is the same all the time, but what is mixed with it is not."""

    def cells(y: Tensor) -> Cells:
        return dithered_cells(UniformQuantizer.of_levels(2).cells(y))

    frames = []
    for moment in range(2):
        y = torch.zeros(1, 3, 16, 16)
        y[..., 0, moment] = 1.0  # or it would be the same frame
        frames.append(RestoredFrame(y, torch.full_like(y, 0.1 + drift * moment), cells, pixelwise=False))
    first, second = run(frames, Lock(play=1 / 255)).split(1)
    expected = first if held else frames[1].restored - 1 / 255
    torch.testing.assert_close(second[..., 8:, 8:], expected[..., 8:, 8:])
