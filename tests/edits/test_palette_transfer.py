from __future__ import annotations

import pytest
import torch
from make import gradient
from torch import Tensor

from vdequant.color import luma_of
from vdequant.edits import PALETTE_FAST
from vdequant.edits.mapping import PaletteMapping
from vdequant.edits.palette_transfer import PaletteTransfer, Requantizer, share_kept
from vdequant.errors import UsageError
from vdequant.metrics.palette_fidelity import palette_psnr
from vdequant.quantizers.base import Quantizer, toward_cells
from vdequant.quantizers.palettes_from import palette_from
from vdequant.restorers.deband import Deband


def deband(stored: Tensor, quantizer: Quantizer) -> Tensor:
    cells = quantizer.cells(stored)
    return toward_cells(Deband().restore(stored, cells), cells, 1.0)


def transfer(texture: str) -> tuple[PaletteTransfer, Tensor]:
    x = gradient(32, 48)[None]
    source = palette_from([x[0]], 8)
    return PaletteTransfer(PaletteMapping(source, source.flip(1), torch.ones(8)), deband, texture=texture), x


@pytest.mark.parametrize("texture", ["L", "off"])
def test_every_pixel_stays_nearest_to_the_color_that_was_asked_for(texture: str) -> None:
    work, x = transfer(texture)
    done = work(x)
    assert torch.equal(done.stored, work.mapping.quantized(x))
    assert bool(work.quantizer.cells(done.stored).contains(done.result).all())
    assert not torch.equal(done.result, done.stored)


def test_l_post_puts_the_luma_of_the_source_back() -> None:
    work, x = transfer("L-post")
    assert torch.allclose(luma_of(work(x).result), luma_of(x), atol=1e-5)


def test_texture_l_has_fewer_steps_than_remapping_alone() -> None:
    work, x = transfer("L")
    done = work(x)
    assert done.result.diff(dim=-1).abs().amax() < done.stored.diff(dim=-1).abs().amax()
    assert len(torch.unique(done.result)) > 4 * len(torch.unique(done.stored))


def test_texture_l_asks_no_dequantizer() -> None:
    def fail(stored: Tensor, quantizer: Quantizer) -> Tensor:
        raise RuntimeError("was asked")

    work, x = transfer("L")
    assert PaletteTransfer(work.mapping, fail, texture="L")(x).result.shape == x.shape
    with pytest.raises(RuntimeError):
        PaletteTransfer(work.mapping, fail, texture="off")(x)


@pytest.mark.parametrize("texture", ["T", "G", "rough"])
def test_other_textures_are_refused_with_those_that_exist(texture: str) -> None:
    with pytest.raises(UsageError, match=", ".join(PALETTE_FAST)):
        transfer(texture)


def test_quantizing_anew_keeps_pictures_of_few_colors_and_reduces_others() -> None:
    few = torch.randint(0, 2, (2, 3, 16, 16)).float()
    assert torch.equal(Requantizer(8).quantize(few), few)
    many = torch.rand(1, 3, 16, 16)
    made = Requantizer(8).quantize(many)
    assert len(torch.unique(made[0].flatten(1).T, dim=0)) <= 8
    assert palette_psnr(many, made, Requantizer(8)).isinf().all()


def test_bands_of_a_large_picture_join_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    work, x = transfer("L")
    whole = work(x)
    monkeypatch.setattr("vdequant.edits.palette_transfer.BAND", 5 * x.shape[-1])
    banded = work(x)
    assert torch.allclose(banded.result, whole.result, atol=1e-6)
    assert torch.equal(banded.stored, whole.stored)
    assert share_kept(work, banded) == 1
    assert share_kept(work, type(whole)(1 - whole.result, whole.stored)) < 0.9
