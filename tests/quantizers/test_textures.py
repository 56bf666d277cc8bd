"""Tiles that repeat are found to the last bit; shades, flat areas and single tiles are not taken for them."""

from __future__ import annotations

import pytest
import torch

from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.textures import repeated_textures, with_textures

GRAYS = PaletteQuantizer(torch.linspace(0, 1, 6)[:, None].expand(-1, 3))


def tile(side: int, seed: int = 1) -> torch.Tensor:
    """``(3, side, side)`` of four colors without order."""
    colors = torch.tensor([[0.0, 0.2, 0.1], [0.9, 0.4, 0.0], [0.2, 0.8, 0.3], [1.0, 1.0, 1.0]])
    index = torch.randint(4, (side, side), generator=torch.Generator().manual_seed(seed))
    return colors[index].permute(2, 0, 1)


def shades(height: int, width: int) -> torch.Tensor:
    """A round light in six grays, ``(1, 3, H, W)``."""
    down, across = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    return GRAYS.quantize((1 - 0.6 * (down.square() + across.square())).expand(1, 3, -1, -1).contiguous())


@pytest.mark.parametrize("side", [8, 16])
@pytest.mark.parametrize("turned", [False, True])
def test_tiles_in_a_row_are_found_wherever_they_lie(side: int, turned: bool) -> None:
    y = shades(60, 70)
    y[0, :, 21 : 21 + side, 13 : 13 + 2 * side] = tile(side).repeat(1, 1, 2)
    expected = torch.zeros(60, 70, dtype=torch.bool)
    expected[21 : 21 + side, 13 : 13 + 2 * side] = True
    found = repeated_textures(y.mT.contiguous() if turned else y)[0, 0]
    assert torch.equal(found.T if turned else found, expected)


def test_one_wrong_pixel_is_enough_to_tell_shades_from_tiles() -> None:
    y = shades(40, 40)
    y[0, :, 10:18, 10:26] = tile(8).repeat(1, 1, 2)
    y[0, 1, 12, 15] += 1 / 255
    assert not repeated_textures(y).any()


def test_shades_bands_and_flat_areas_are_not_textures() -> None:
    ramp = torch.linspace(0, 1, 96).expand(1, 3, 50, 96)
    for y in (shades(64, 64), GRAYS.quantize(ramp.contiguous()), GRAYS.quantize(ramp.mT.contiguous())):
        assert not repeated_textures(y).any()


def test_each_picture_of_a_batch_is_looked_at_by_itself() -> None:
    y = torch.cat([shades(32, 32), tile(8)[None].repeat(1, 1, 4, 4)])
    found = repeated_textures(y)
    assert found.shape == (2, 1, 32, 32)
    assert not found[0].any()
    assert found[1].all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 40), (40, 15), (8, 16), (16, 8)])
def test_small_pictures_are_taken(height: int, width: int) -> None:
    y = tile(8)[None].repeat(1, 1, 5, 5)[..., :height, :width]
    assert repeated_textures(y).all() == (max(height, width) >= 16 and min(height, width) >= 8)


def test_stored_codes_of_a_byte_show_the_same_textures_as_their_colors() -> None:
    codes = torch.randint(3, (2, 3, 40, 56), generator=torch.Generator().manual_seed(2)).to(torch.uint8)
    codes[..., 8:16, 16:32] = codes[..., 8:16, :8].repeat(1, 1, 1, 2)
    found = repeated_textures(codes)
    assert torch.equal(found, repeated_textures(codes.float() / 255))
    assert found.any()
    assert not found.all()


def test_textures_stay_as_they_were_stored_and_the_rest_is_the_restored_one() -> None:
    y, restored = shades(40, 40), torch.rand(1, 3, 40, 40)
    y[0, :, 10:18, 10:26] = tile(8).repeat(1, 1, 2)
    before, found = restored.clone(), repeated_textures(y)
    assert torch.equal(with_textures(y, restored, found), torch.where(found, y, restored))
    assert torch.equal(with_textures(y, restored, torch.zeros_like(found)), restored)
    assert torch.equal(restored, before)
