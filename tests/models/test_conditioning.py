"""What a diffusion model is told: the seven planes of Vavilala et al., section 3."""

from __future__ import annotations

import pytest
import torch

from vdequant.models.conditioning import (
    COLORS,
    FINENESS,
    KNOWN,
    PLANES,
    TEXTURE,
    TEXTURES,
    fineness_of,
    planes_of,
    texture_of,
)


def gray(values: list[list[int]]) -> torch.Tensor:
    """A gray picture of these codes."""
    return (torch.tensor(values) / 255).expand(1, 3, -1, -1).clone()


def test_the_texture_l_is_the_luma_and_zeros() -> None:
    red = torch.zeros(1, 3, 2, 2)
    red[:, 0] = 1
    texture = texture_of(red, "L")
    torch.testing.assert_close(texture[:, 0], torch.full((1, 2, 2), 0.299))
    assert not texture[:, 1].any()


def test_the_texture_g_is_the_step_to_the_next_pixel_across_and_down() -> None:
    texture = texture_of(gray([[10, 30], [10, 5]]), "G") * 255
    torch.testing.assert_close(texture, torch.tensor([[[[20.0, 0], [-5, 0]], [[0, -25], [0, 0]]]]), rtol=0, atol=1e-3)


@pytest.mark.parametrize(("step", "is_texture"), [(8, 0.0), (9, 1.0), (-9, 1.0), (-8, 0.0)])
def test_the_texture_t_is_steps_of_more_than_eight_codes(step: int, is_texture: float) -> None:
    texture = texture_of(gray([[100, 100 + step]]), "T")
    assert texture[0, 0, 0].tolist() == [is_texture, 0.0]
    assert not texture[:, 1].any()


def test_another_texture_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a texture of L, G, T"):
        texture_of(gray([[1]]), "L-post")


def test_fineness_counts_the_colors_of_each_picture() -> None:
    four = gray([[0, 85, 170, 255]])
    one = gray([[7, 7, 7, 7]])
    assert fineness_of(torch.cat([four, one])).flatten().tolist() == [4 / 256, 1 / 256]


def test_more_than_256_colors_are_as_fine_as_a_true_picture() -> None:
    many = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(1))
    assert fineness_of(many).item() == 1.0


def test_planes_are_where_they_belong() -> None:
    picture = torch.rand(2, 3, 4, 6)
    texture = texture_of(picture, "G")
    planes = planes_of(picture, torch.tensor(16 / 256), texture)
    assert planes.shape == (2, PLANES, 4, 6)
    assert torch.equal(planes[:, COLORS], picture)
    assert (planes[:, FINENESS] == 16 / 256).all()
    assert torch.equal(planes[:, TEXTURE], texture)
    assert (planes[:, KNOWN] == 1).all()


def test_without_texture_its_planes_are_zero_for_every_kind() -> None:
    picture = torch.rand(1, 3, 4, 4)
    bare = planes_of(picture, torch.tensor(0.5))
    assert not bare[:, TEXTURE].any()
    assert not bare[:, KNOWN].any()
    assert len(TEXTURES) == 3


def test_texture_is_hidden_where_it_is_not_known() -> None:
    picture = torch.rand(1, 3, 4, 4) + 0.1
    known = torch.zeros(1, 1, 4, 4)
    known[..., :2] = 1
    planes = planes_of(picture, torch.tensor(1.0), texture_of(picture, "L"), known)
    assert planes[:, TEXTURE][:, :1, :, :2].gt(0).all()
    assert not planes[:, TEXTURE][..., 2:].any()
    assert torch.equal(planes[:, KNOWN], known)
