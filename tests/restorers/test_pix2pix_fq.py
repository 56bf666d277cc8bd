"""Pix2Pix-FQ, its baseline and what goes beyond the paper, with networks of a few channels."""

from __future__ import annotations

import pytest
import torch

from vdequant.errors import ModelError
from vdequant.models.pix2pix import Unet, UnetSpec
from vdequant.models.pix2pix_weights import fresh_unet
from vdequant.quantizers.base import toward_cells
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.cellnet import CellnetMedium
from vdequant.restorers.disentangling import disentangle
from vdequant.restorers.pix2pix import Pix2Pix
from vdequant.restorers.pix2pix_fq import Pix2PixFq, Pix2PixFqPlus

FOUR_BITS = UniformQuantizer.of_bits((4, 4, 4), "floor")


def tiny(channels: int, *, residual: float, last: float = 3.0) -> Unet:
    torch.manual_seed(4)
    net = Unet(UnetSpec(channels, width=4, downs=3, dropout=0.0, residual=residual))
    torch.nn.init.normal_(net.ups[-1][1].weight, 0, last)  # type: ignore[index]
    return net.eval().requires_grad_(False)


def waves() -> torch.Tensor:
    """A picture of soft colors, none at the border of the gamut."""
    down, across = torch.arange(48)[:, None] / 29, torch.arange(48) / 23
    return torch.stack([torch.sin(down * (i + 1) / 2 + across * (3 - i)) * 0.15 + 0.5 for i in range(3)])[None]


def test_it_changes_colors_and_keeps_luma() -> None:
    y = waves()
    x = Pix2PixFq(tiny(2, residual=0.1)).restore(y, FOUR_BITS.cells(y))
    luma, chroma = disentangle(x)
    before, colors = disentangle(y)
    torch.testing.assert_close(luma, before, rtol=0, atol=0.05)
    assert (chroma - colors).abs().mean() > 1e-3


def test_a_network_that_corrects_nothing_returns_the_picture() -> None:
    y = waves()
    for restorer in (Pix2PixFq(tiny(2, residual=0.1, last=0)), Pix2Pix(tiny(3, residual=0.1, last=0))):
        torch.testing.assert_close(restorer.restore(y, FOUR_BITS.cells(y)), y, rtol=0, atol=1e-4)


def test_the_published_form_answers_with_the_colors_themselves() -> None:
    y = waves()
    net = tiny(2, residual=0.0)
    _, chroma = disentangle(Pix2PixFq(net).restore(y, FOUR_BITS.cells(y)))
    torch.testing.assert_close(chroma, net(disentangle(y)[1]), rtol=0, atol=1e-3)


def test_the_generator_stays_in_float32() -> None:
    moved = Pix2PixFq(tiny(2, residual=0.1)).to(torch.device("cpu"), torch.bfloat16)
    assert {p.dtype for p in moved.net.parameters()} == {torch.float32}


def test_the_plus_form_takes_luma_from_cellnet_inside_the_cells() -> None:
    y = FOUR_BITS.quantize(waves())
    cells = FOUR_BITS.cells(y)
    projected = [toward_cells(r.restore(y, cells), cells, 1.0) for r in (_plus(), Pix2PixFq(tiny(2, residual=0.1)))]
    errors = [float((disentangle(x)[0] - disentangle(waves())[0]).square().mean()) for x in projected]
    assert errors[0] < 0.5 * errors[1]
    assert cells.contains(projected[0]).all()


def _plus() -> Pix2PixFqPlus:
    return Pix2PixFqPlus(tiny(2, residual=0.1))


def test_the_plus_form_differs_from_cellnet_in_its_colors() -> None:
    y = FOUR_BITS.quantize(waves())
    cells = FOUR_BITS.cells(y)
    assert not torch.allclose(_plus().restore(y, cells), CellnetMedium().restore(y, cells), atol=1e-3)


def test_the_plus_form_needs_what_both_networks_need() -> None:
    needs, inner = _plus().needs, CellnetMedium().needs
    assert needs.halo >= inner.halo
    assert needs.multiple_of % 8 == 0
    assert needs.align % inner.align == 0


def test_missing_weights_are_named() -> None:
    with pytest.raises(ModelError, match=r"no-such-network\.safetensors"):
        fresh_unet("no-such-network")
