from __future__ import annotations

import pytest
import torch

from vdequant.errors import UsageError
from vdequant.quantizers.uniform import Expansion, UniformQuantizer, bits_after_cut


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


@pytest.mark.parametrize("expansion", ["replicate", "shift", "floor", "center"])
@pytest.mark.parametrize("bits", [(3, 3, 2), (6, 6, 6), (8, 8, 8)])
def test_soft_is_the_stored_level_away_from_the_borders(bits: tuple[int, ...], expansion: Expansion) -> None:
    quantizer = UniformQuantizer.of_bits(bits, expansion)
    x = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    distance = torch.stack([(x[:, c, ..., None] - quantizer.inner[c]).abs().amin(-1) for c in range(3)], dim=1)
    away = distance > 0.05 / 2 ** torch.tensor(bits)[:, None, None]  # a twentieth of a cell
    assert away.float().mean() > 0.8
    error = (quantizer.soft(x, 1e4) - quantizer.quantize(x)).abs()
    assert error[away].max() < 1e-3


def test_two_levels_are_the_sigmoid_of_the_paper_however_their_border_is_given() -> None:
    x = row(*torch.linspace(0, 1, 11).tolist())
    levels, k = [[0.25, 0.75]] * 3, 3.0
    expected = 0.25 + 0.5 * torch.sigmoid(2 * k * (x - 0.5) / 0.5)
    torch.testing.assert_close(UniformQuantizer(levels).soft(x, k), expected)
    moved = UniformQuantizer(levels, [[0.4]] * 3).soft(x, k)
    torch.testing.assert_close(moved, 0.25 + 0.5 * torch.sigmoid(2 * k * (x - 0.4) / 0.5))


def test_soft_of_equal_levels_is_equation_10() -> None:
    m, k = 4, 2.0
    x = row(0.03, 0.3, 0.62, 0.99)
    i = torch.arange(1, m + 1)
    weights = torch.exp(-k * (m * x[..., None] - i + 0.5) ** 2)
    expected = (weights * (i - 0.5) / m).sum(-1) / weights.sum(-1)
    torch.testing.assert_close(UniformQuantizer.of_levels(m).soft(x, k), expected)


def test_random_bits_keep_12_to_22_of_24() -> None:
    generator = torch.Generator().manual_seed(0)
    counts = [[len(c) for c in UniformQuantizer.random_bits(generator).levels] for _ in range(300)]
    assert {sum(n.bit_length() - 1 for n in channels) for channels in counts} == set(range(12, 23))
    assert all(2 <= n <= 256 for channels in counts for n in channels)
    assert len({tuple(channels) for channels in counts}) > 60
    same = [len(c) for c in UniformQuantizer.random_bits(torch.Generator().manual_seed(0)).levels]
    assert same == counts[0]


def test_out_of_range_settings_are_refused() -> None:
    with pytest.raises(UsageError, match="between 2 and 256"):
        UniformQuantizer.of_levels(1)
    with pytest.raises(UsageError, match="between 1 and 8"):
        UniformQuantizer.of_bits((9, 8, 8))
    with pytest.raises(UsageError, match="ascending"):
        UniformQuantizer([[0.0, 0.0], [0.0, 1.0], [0.0, 1.0]])


@pytest.mark.parametrize(
    ("percent", "bits"),
    [(10, (7, 8, 7)), (20, (6, 7, 6)), (30, (6, 6, 5)), (40, (5, 5, 4)), (50, (4, 4, 4)), (87, (1, 1, 1))],
)
def test_a_share_of_the_bits_is_cut_evenly_with_green_and_red_last(percent: int, bits: tuple[int, ...]) -> None:
    assert bits_after_cut(percent) == bits
    assert [len(levels) for levels in UniformQuantizer.of_cut(percent).levels] == [1 << depth for depth in bits]


def test_a_cut_drops_the_lowest_bits_and_repeats_the_others() -> None:
    stored = UniformQuantizer.of_cut(50).quantize(row(*(code / 255 for code in (0, 15, 16, 31, 255))))
    assert (stored[0, 0, 0] * 255).round().tolist() == [0, 0, 17, 17, 255]


@pytest.mark.parametrize("percent", [0, 88, -5])
def test_no_share_and_almost_all_are_refused(percent: int) -> None:
    with pytest.raises(UsageError, match="expected 1 to 87 percent"):
        bits_after_cut(percent)


def test_a_cell_holds_its_lower_border_and_not_its_upper_one() -> None:
    cells = UniformQuantizer.of_levels(4).cells(row(0.375, 0.375, 0.875, 0.125))
    assert cells.contains(row(0.25, 0.5, 1.0, 0.0))[0, 0, 0].tolist() == [True, False, True, True]
