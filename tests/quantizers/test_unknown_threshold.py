"""A threshold that nobody knows: nothing can be contradicted."""

from __future__ import annotations

import torch

from vdequant.quantizers.threshold import ThresholdQuantizer
from vdequant.quantizers.unknown_threshold import UnknownThreshold


def test_every_color_is_possible_everywhere() -> None:
    y = ThresholdQuantizer(0.3).quantize(torch.rand(2, 3, 6, 6))
    cells = UnknownThreshold().cells(y)
    x = torch.rand(2, 3, 6, 6)
    assert bool(cells.contains(x).all())
    assert bool(cells.contains(torch.ones_like(x)).all())
    torch.testing.assert_close(cells.project(x), x)


def test_it_says_that_it_does_not_know() -> None:
    assert "unknown" in UnknownThreshold().describe()
