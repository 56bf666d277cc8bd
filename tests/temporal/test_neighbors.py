"""What neighbors tell: noise and changing dither vanish, motion is followed, and whatever else differs counts not."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.pattern_cells import PatternCells
from vdequant.quantizers.uniform import BoxCells, UniformQuantizer
from vdequant.temporal.motion import Floats
from vdequant.temporal.neighbor_shifts import likely_shifts, view
from vdequant.temporal.neighbors import Known, joined

LEVELS = UniformQuantizer.of_bits((5, 5, 5))
# Told as a dither, and, as 24 levels and more are, by each pixel's interval
PATTERNS = [DitherQuantizer(UniformQuantizer.of_bits((bits,) * 3), "bayer4") for bits in (4, 5)]


def floats(x: Tensor) -> Floats:
    return np.ascontiguousarray(x[0].permute(1, 2, 0).numpy())


def known_of(y: Tensor) -> Known:
    cells = LEVELS.cells(y)
    return Known(floats(torch.cat([cells.stored, cells.low, cells.high], dim=1)), None)


def known_of_pattern(y: Tensor, pattern: DitherQuantizer) -> Known:
    cells = pattern.cells(y)
    box = cells.exact if isinstance(cells, PatternCells) else cells
    facts = torch.cat([cells.stored, cells.low, cells.high], dim=1)
    return Known(floats(facts), floats(torch.cat([box.low, box.high], dim=1)))


def textured(side: int) -> Tensor:
    """A picture ``(1, 3, side, side)`` in [0, 1] with shades, soft texture and hard edges."""
    generator = torch.Generator().manual_seed(5)
    x = torch.zeros(1, 3, side, side)
    for size, weight in ((4, 0.4), (16, 0.3), (48, 0.3)):
        coarse = torch.rand(1, 3, size, size, generator=generator)
        x += weight * torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 1)
    for place in range(10, side - 20, 26):
        x[..., place : place + 9, side - place - 20 : side - place] *= 0.6
    return x.clamp(0, 1)


def scene(moves: tuple[float, float] = (0, 0), count: int = 3, side: int = 64) -> list[Tensor]:
    """A picture that moves by so many pixels a frame, of which halves are possible."""
    large, found = textured(2 * side + 64), []
    for moment in range(count):
        top, left = (20 + round(2 * by * moment) for by in moves)
        found.append(torch.nn.functional.avg_pool2d(large[..., top : top + 2 * side, left : left + 2 * side], 2))
    return found


def noisy(clip: list[Tensor], codes: float) -> list[Tensor]:
    return [LEVELS.quantize((x + torch.randn_like(x) * codes / 255).clamp(0, 1)) for x in clip]


def told(clip: list[Tensor], place: int = 1) -> Known | None:
    """What is known of a frame of a clip with all others as its neighbors."""
    others = [view(y) for number, y in enumerate(clip) if number != place]
    return joined(view(clip[place]), others, known_of)


def error(found: Floats, x: Tensor) -> float:
    return float(np.square(found[..., :3] - floats(x)).mean())


def test_equal_neighbors_say_nothing_new() -> None:
    assert told([LEVELS.quantize(x) for x in scene()]) is None


@pytest.mark.parametrize("codes", [2.0, 8.0])
def test_the_mean_of_noisy_frames_is_nearer_to_the_truth(codes: float) -> None:
    truth = scene()
    stored = noisy(truth, codes)
    known = told(stored)
    assert known is not None
    assert error(known.facts, truth[1]) < 0.6 * error(floats(stored[1]), truth[1])


def test_the_cells_that_are_told_are_as_wide_as_the_frames_own() -> None:
    known = told(noisy(scene(), 2.0))
    assert known is not None
    widths = known.facts[..., 6:9] - known.facts[..., 3:6]
    assert np.median(widths) == pytest.approx(1 / 31, rel=1e-4)
    assert (known.facts[..., :3] >= known.facts[..., 3:6]).all()
    assert (known.facts[..., :3] <= known.facts[..., 6:9]).all()


def test_dither_whose_pattern_is_another_in_each_frame_vanishes() -> None:
    truth = scene()
    pattern = PATTERNS[1]
    stored = [pattern.quantize(x.roll((t, 2 * t), (-2, -1))).roll((-t, -2 * t), (-2, -1)) for t, x in enumerate(truth)]
    known = told(stored)
    assert known is not None
    assert error(known.facts, truth[1]) < 0.5 * error(floats(stored[1]), truth[1])


def test_a_shift_by_whole_pixels_is_found_in_noise() -> None:
    before, now, _ = noisy(scene((2, 3)), 4.0)
    assert likely_shifts(view(now), view(before))[0] == (2, 3)
    assert likely_shifts(view(before), view(now))[0] == (-2, -3)


def test_a_scene_that_moves_by_whole_pixels_tells_as_much_as_one_that_stands_still() -> None:
    inner = (slice(None), slice(None), slice(8, -8), slice(8, -8))
    errors = []
    for moves in ((0, 0), (1, 2)):
        truth = scene(moves)
        known = told(noisy(truth, 4.0))
        assert known is not None
        errors.append(float(np.square(known.facts[8:-8, 8:-8, :3] - floats(truth[1][inner])).mean()))
    assert errors[1] < 1.15 * errors[0]


def test_motion_by_half_a_pixel_is_not_mistaken_for_noise() -> None:
    stored = [LEVELS.quantize(x) for x in scene((0.5, 1.5))]
    known = told(stored)
    assert known is None or (known.facts[..., :3] == floats(stored[1])).mean() > 0.95


def test_what_has_changed_in_a_noisy_clip_is_left_alone() -> None:
    truth = scene()
    truth[1][..., 20:44, 20:44] = 1 - truth[1][..., 20:44, 20:44]
    stored = noisy(truth, 4.0)
    known = told(stored)
    assert known is not None
    assert np.array_equal(known.facts[24:40, 24:40, :3], floats(stored[1])[24:40, 24:40])
    assert not np.array_equal(known.facts[..., :3], floats(stored[1]))


def test_a_single_pixel_that_was_not_there_before_is_not_averaged_away() -> None:
    truth = scene()
    truth[1][..., 32, 32] = 1.0
    stored = noisy(truth, 2.0)
    known = told(stored)
    assert known is not None
    assert np.array_equal(known.facts[32, 32, :3], floats(stored[1])[32, 32])


def test_one_flickering_place_of_a_clean_clip_is_no_noise() -> None:
    stored = [LEVELS.quantize(x) for x in scene(side=128)]
    patch = stored[1][..., 8:20, 8:20]
    stored[1][..., 8:20, 8:20] = torch.where(torch.rand_like(patch) < 0.3, patch + 1 / 31, patch).clamp(0, 1)
    assert told(stored) is None


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_that_stays_while_the_scene_moves_narrows_the_intervals_around_the_truth(
    pattern: DitherQuantizer,
) -> None:
    truth = scene((1, 2), count=5)
    stored = [pattern.quantize(x) for x in truth]
    known_of_frame = partial(known_of_pattern, pattern=pattern)
    own = known_of_frame(stored[2])
    known = joined(view(stored[2]), [view(y) for n, y in enumerate(stored) if n != 2], known_of_frame)
    assert known is not None
    assert known.box is not None
    assert own.box is not None
    x, (low, high) = floats(truth[2]), (known.box[..., :3], known.box[..., 3:])
    assert ((low <= x) & (x <= high)).mean() > 0.99
    assert (high - low).mean() < 0.7 * (own.box[..., 3:] - own.box[..., :3]).mean()
    assert (low >= own.box[..., :3]).all()
    assert (high <= own.box[..., 3:]).all()


def test_pictures_smaller_than_any_window_are_joined_as_well() -> None:
    clip = [torch.rand(1, 3, 3, 5) for _ in range(2)]
    known = told([LEVELS.quantize(x) for x in clip], 0)
    assert known is None or known.facts.shape == (3, 5, 9)


def test_boxes_of_plain_levels_are_never_narrowed_by_noise() -> None:
    """Levels have the same borders everywhere, so cells of one place are equal or do not intersect."""
    stored = noisy(scene(), 2.0)

    def with_box(y: Tensor) -> Known:
        cells = LEVELS.cells(y)
        assert isinstance(cells, BoxCells)
        return Known(known_of(y).facts, floats(torch.cat([cells.low, cells.high], dim=1)))

    known = joined(view(stored[1]), [view(stored[0]), view(stored[2])], with_box)
    assert known is not None
    assert known.box is not None
    assert np.array_equal(known.box, with_box(stored[1]).box)  # type: ignore[arg-type]
