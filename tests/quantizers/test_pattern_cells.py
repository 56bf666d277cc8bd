from __future__ import annotations

import torch

from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.pattern_cells import PatternCells, ordered_boxes
from vdequant.quantizers.uniform import BoxCells, UniformQuantizer

LEVELS = [torch.tensor([0.2, 0.4, 1.0])] * 3


def test_borders_lie_at_the_threshold_between_neighboring_levels() -> None:
    y = torch.tensor([0.2, 0.4, 1.0]).expand(3, 1, 3)[None]
    boxes = ordered_boxes(y, LEVELS, torch.full((1, 3), 0.25))
    torch.testing.assert_close(boxes.low[0, 0, 0], torch.tensor([0.0, 0.25, 0.55]))
    torch.testing.assert_close(boxes.high[0, 0, 0], torch.tensor([0.25, 0.55, 1.0]))


def test_regular_patterns_tell_a_restorer_of_dither_and_bind_each_sample_all_the_same() -> None:
    quantizer = DitherQuantizer(UniformQuantizer.of_levels(4), "bayer4")
    x = torch.rand(1, 3, 12, 12)
    cells = quantizer.cells(quantizer.quantize(x))
    assert isinstance(cells, PatternCells)
    assert cells.dithered
    assert cells.spread > 1
    assert torch.equal(cells.low, UniformQuantizer.of_levels(4).cells(cells.stored).low)
    assert (cells.project(x) - x).abs().max() < 1.1e-5
    assert torch.equal(cells.contains(x + 0.1), cells.exact.contains(x + 0.1))


def test_a_dither_between_levels_is_told_the_same_reach_everywhere() -> None:
    """Also at black and white, where the cells end: shades are mixed of these as of others."""
    quantizer = DitherQuantizer(UniformQuantizer.of_bits((1, 2, 3)), "bayer4")
    cells = quantizer.cells(quantizer.quantize(torch.rand(1, 3, 12, 12)))
    for channel, step in enumerate((1, 1 / 3, 1 / 7)):
        for reach in (cells.stored - cells.low, cells.high - cells.stored):
            torch.testing.assert_close(reach[:, channel], torch.full((1, 12, 12), step / 2))


def test_fine_levels_tell_the_intervals_themselves_whatever_the_pattern() -> None:
    for bits, fine in ((4, False), (5, True)):
        quantizer = DitherQuantizer(UniformQuantizer.of_bits((bits,) * 3), "playstation")
        cells = quantizer.cells(quantizer.quantize(torch.rand(1, 3, 12, 12)))
        assert isinstance(cells, BoxCells if fine else PatternCells)


def test_irregular_patterns_tell_the_intervals_themselves() -> None:
    quantizer = DitherQuantizer(UniformQuantizer.of_levels(4), "column")
    cells = quantizer.cells(quantizer.quantize(torch.rand(1, 3, 12, 12)))
    assert isinstance(cells, BoxCells)
    assert not cells.dithered
