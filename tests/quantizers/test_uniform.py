from __future__ import annotations

import pytest
import torch

from vdequant.errors import UsageError
from vdequant.quantizers.uniform import UniformQuantizer


def row(*values: float) -> torch.Tensor:
    return torch.tensor(values).expand(1, 3, 1, -1).contiguous()


def test_levels_are_the_centers_of_equal_cells() -> None:
    stored = UniformQuantizer.of_levels(4).quantize(row(0.0, 0.24, 0.26, 0.99, 1.0))
    assert stored[0, 0, 0].tolist() == [0.125, 0.125, 0.375, 0.875, 0.875]


def test_five_bits_replicated_reach_black_and_white() -> None:
    quantizer = UniformQuantizer.of_bits((5, 5, 5))
    assert quantizer.quantize(row(0.0, 1.0))[0, 0, 0].tolist() == [0.0, 1.0]
    cells = quantizer.cells(row(0.0))
    assert cells.high[0, 0, 0, 0].item() == pytest.approx(0.5 / 31)


def test_shifted_white_may_become_white() -> None:
    quantizer = UniformQuantizer.of_bits((5, 6, 5), "shift")
    white = quantizer.quantize(row(1.0))
    assert (white[0, :, 0, 0] * 255).round().tolist() == [248, 252, 248]
    assert quantizer.cells(white).contains(row(1.0)).all()


def test_unknown_values_get_the_cell_of_the_nearest_level() -> None:
    cells = UniformQuantizer.of_levels(2).cells(row(0.3))
    assert (cells.low[0, 0, 0, 0].item(), cells.high[0, 0, 0, 0].item()) == (0.0, 0.5)


def test_out_of_range_settings_are_refused() -> None:
    with pytest.raises(UsageError, match="between 2 and 256"):
        UniformQuantizer.of_levels(1)
    with pytest.raises(UsageError, match="between 1 and 8"):
        UniformQuantizer.of_bits((9, 8, 8))
    with pytest.raises(UsageError, match="ascending"):
        UniformQuantizer([[0.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
