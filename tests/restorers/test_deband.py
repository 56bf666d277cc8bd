from __future__ import annotations

import pytest
import torch

from vdequant.quantizers.base import toward_cells
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.base import Needs
from vdequant.restorers.deband import BLOCK, Deband, opponent_cosines, shrink_blocks


def restored(x: torch.Tensor, m: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The stored and the debanded picture."""
    quantizer = UniformQuantizer.of_levels(m)
    y = quantizer.quantize(x)
    cells = quantizer.cells(y)
    return y, toward_cells(Deband().restore(y, cells), cells, fidelity=1.0)


def ramp(angle: float) -> torch.Tensor:
    """A gray ramp over 64x64 from 0.1 to 0.9 along a direction."""
    place = torch.linspace(0, 1, 64)
    along = place * torch.cos(torch.tensor(angle)) + place[:, None] * torch.sin(torch.tensor(angle))
    return (0.1 + 0.8 * along / along.max()).expand(1, 3, 64, 64).contiguous()


@pytest.mark.parametrize("angle", [0.0, 0.4, 0.785, 1.571])
@pytest.mark.parametrize("m", [8, 16])
def test_the_error_of_a_smooth_ramp_is_at_least_halved(angle: float, m: int) -> None:
    x = ramp(angle)
    y, result = restored(x, m)
    assert (result - x).abs().mean() < 0.5 * (y - x).abs().mean()


def test_a_hard_edge_is_left_untouched() -> None:
    x = torch.full((1, 3, 32, 32), 0.1)
    x[..., 16:] = 0.9
    y, result = restored(x, 8)
    torch.testing.assert_close(result, y, rtol=0, atol=1e-5)


def test_flat_color_is_left_untouched() -> None:
    x = torch.tensor([0.3, 0.6, 0.9]).reshape(1, 3, 1, 1).expand(1, 3, 16, 16)
    y, result = restored(x, 8)
    torch.testing.assert_close(result, y, rtol=0, atol=1e-5)


def test_a_shaded_noisy_picture_comes_nearer_to_the_truth() -> None:
    random = torch.Generator().manual_seed(0)
    grain = torch.randn(1, 1, 64, 64, generator=random) * 0.03
    x = (ramp(0.6) * torch.tensor([1.0, 0.8, 0.6]).reshape(1, 3, 1, 1) + grain).clamp(0, 1)
    y, result = restored(x, 16)
    gain = 10 * torch.log10((y - x).square().mean() / (result - x).square().mean())
    assert gain > 1.5  # dB


def test_the_basis_is_orthonormal() -> None:
    basis = opponent_cosines(BLOCK).flatten(1)
    torch.testing.assert_close(basis @ basis.T, torch.eye(3 * BLOCK**2), rtol=0, atol=1e-5)


def test_blocks_that_are_wholly_kept_give_the_picture_back() -> None:
    quantizer = UniformQuantizer.of_levels(256)  # cells so narrow that all of a coarse checker is kept
    x = quantizer.quantize((torch.arange(144).reshape(1, 1, 12, 12) % 5 / 5).expand(1, 3, 12, 12).contiguous())
    result = shrink_blocks(x, quantizer.cells(x), opponent_cosines(BLOCK))
    torch.testing.assert_close(result, x, rtol=0, atol=1e-4)


def test_impossible_needs_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple_of"):
        Needs(multiple_of=0)
