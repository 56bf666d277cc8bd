"""Edits that a diffusion model draws: it is told what the paper says, chance is the seed's, and what is known stays."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from make import gradient
from tiny_diffusion import Looking, model, tiny
from torch import Tensor

from vdequant.color import luma_of
from vdequant.edits import TEXTURES
from vdequant.edits.drawing import ENCODERS, DrawnTransfer, drawn_recolor, view_of
from vdequant.edits.mapping import PaletteMapping
from vdequant.edits.palette_transfer import share_kept
from vdequant.errors import UsageError
from vdequant.models.conditioning import COLORS, FINENESS, KNOWN, TEXTURE, texture_of
from vdequant.quantizers.palettes_from import palette_from

BLUE = torch.tensor([0.1, 0.2, 0.8]).view(1, 3, 1, 1)


def edges(height: int = 16, width: int = 24) -> Tensor:
    """A ramp with a bright bar: luma that is steep in places and flat in others."""
    x = gradient(height, width)[None].clone()
    x[..., 4:9] = 0.9
    return x


def swapped(x: Tensor, colors: int = 8) -> PaletteMapping:
    source = palette_from([x[0]], colors)
    return PaletteMapping(source, source.flip(1), torch.ones(len(source)))


def transfer(denoiser: Any, x: Tensor, texture: str = "T", fidelity: float = 0.0, **sampling: int) -> DrawnTransfer:
    return DrawnTransfer(swapped(x), model(denoiser, **sampling), texture=texture, fidelity=fidelity)


def middle(x: Tensor) -> Tensor:
    weight = torch.zeros_like(x[:, :1])
    weight[..., 4:12, 8:18] = 1
    return weight


@pytest.mark.parametrize("texture", TEXTURES)
def test_a_transfer_is_told_remapped_colors_their_number_and_the_texture_of_the_source(texture: str) -> None:
    x, looking = edges(), Looking(ENCODERS[texture] or "G")
    done = transfer(looking, x, texture)(x)
    (planes,) = {id(one): one for one in looking.planes}.values()
    assert torch.equal(planes[:, COLORS], done.stored)
    assert planes[:, FINENESS].unique().tolist() == [8 / 256]
    if texture == "off":
        assert not planes[:, TEXTURE].any()
        assert not planes[:, KNOWN].any()
    else:
        assert torch.equal(planes[:, TEXTURE], texture_of(x, ENCODERS[texture]))
        assert planes[:, TEXTURE].any()
        assert planes[:, KNOWN].all()


@pytest.mark.parametrize("texture", TEXTURES)
def test_a_recoloring_is_told_the_true_picture_around_a_patch_of_the_color(texture: str) -> None:
    x, looking = edges(), Looking(ENCODERS[texture] or "G")
    inside = middle(x) > 0
    drawn_recolor(model(looking), x, middle(x), BLUE, texture=texture)
    planes = looking.planes[0]
    assert torch.equal(planes[:, COLORS], torch.where(inside, BLUE, x))
    assert torch.equal(planes[:, FINENESS], torch.where(inside, 1 / 256, 1.0))
    known = (~inside).float() if texture == "off" else torch.ones_like(inside.float())
    assert torch.equal(planes[:, KNOWN], known)
    assert torch.equal(planes[:, TEXTURE], texture_of(x, looking.texture) * known)
    assert planes[:, TEXTURE].any()


def test_many_colors_count_as_many_as_the_model_was_trained_with() -> None:
    x, looking = torch.rand(1, 3, 32, 32), Looking()
    DrawnTransfer(swapped(x, 256), model(looking), texture="off", fidelity=0)(x)
    assert looking.planes[0][:, FINENESS].unique().tolist() == [0.5]


@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "dpm"])
def test_the_seed_decides_and_samples_have_the_seeds_that_follow(sampler: str) -> None:
    x = edges()

    def drawn(seed: int, number: int = 0) -> tuple[Tensor, Tensor]:
        made = transfer(tiny("T"), x, sampler=sampler, seed=seed, samples=2)(x, number).result
        return made, drawn_recolor(
            model(tiny("T"), sampler, seed=seed, samples=2), x, middle(x), BLUE, texture="T", number=number
        )

    first, again, next_seed, second = drawn(3), drawn(3), drawn(4), drawn(3, number=1)
    for edit in range(2):
        assert torch.equal(first[edit], again[edit])
        assert not torch.equal(first[edit], next_seed[edit])
        assert torch.equal(second[edit], next_seed[edit])


@pytest.mark.parametrize("texture", TEXTURES)
def test_what_the_encoder_is_told_changes_the_picture(texture: str) -> None:
    x = edges()
    kind = ENCODERS[texture] or "L"
    made = transfer(tiny(kind), x, texture)(x).result
    without = transfer(tiny(kind), x, "off")(x).result
    assert torch.equal(made, without) == (texture == "off")


def test_in_the_cells_every_pixel_is_nearest_to_the_color_that_was_asked_for() -> None:
    x = edges()
    held, free = transfer(tiny("T"), x, fidelity=1.0), transfer(tiny("T"), x, fidelity=0.0)
    assert share_kept(held, held(x)) == 1
    assert share_kept(free, free(x)) < 1


def test_the_cells_hold_at_every_step() -> None:
    x = edges()
    free, held = Looking(error=0.3), Looking(error=0.3)
    transfer(free, x)(x)
    transfer(held, x, fidelity=1.0)(x)
    assert torch.equal(free.noisy[0], held.noisy[0])
    assert not torch.allclose(free.noisy[-1], held.noisy[-1], atol=0.01)


def test_l_post_puts_the_luma_of_the_source_back() -> None:
    x = edges()
    assert torch.allclose(luma_of(transfer(tiny(), x, "L-post", 1.0)(x).result), luma_of(x), atol=1e-5)
    made = drawn_recolor(model(tiny()), x, middle(x), BLUE, texture="L-post")
    assert torch.allclose(luma_of(made), luma_of(x), atol=1e-5)
    assert not torch.equal(made, x)


@pytest.mark.parametrize("texture", TEXTURES)
def test_outside_the_mask_nothing_changes_and_inside_all_does(texture: str) -> None:
    x, weight = edges(21, 30), middle(edges(21, 30))
    made = drawn_recolor(model(tiny(ENCODERS[texture] or "L")), x, weight, BLUE, texture=texture)
    outside = (weight == 0).expand_as(x)
    assert torch.equal(made[outside], x[outside])
    assert (made != x)[~outside].float().mean() > 0.9
    assert made.amin() >= 0
    assert made.amax() <= 1


def test_the_true_surroundings_are_shown_at_every_step() -> None:
    x, wrong = edges(), Looking(error=0.3)
    drawn_recolor(model(wrong), x, middle(x), BLUE, texture="L")
    right = Looking()
    drawn_recolor(model(right), x, middle(x), BLUE, texture="L")
    near = (wrong.noisy[-1] - right.noisy[-1]).abs()
    inside = (middle(x) > 0).expand_as(x)
    assert near[~inside].amax() < 0.05
    assert near[inside].amin() > 0.05


def test_a_soft_edge_mixes() -> None:
    x = torch.zeros(1, 3, 16, 16)
    weight = torch.full((1, 1, 16, 16), 0.5)
    made = drawn_recolor(model(Looking()), x, weight, BLUE, texture="off")
    assert torch.allclose(made, (BLUE / 2).expand_as(made), atol=0.02)


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        drawn_recolor(model(Looking()), edges(), torch.zeros(1, 1, 16, 24), BLUE, texture="L")


@pytest.mark.parametrize("size", [(1, 1), (5, 70), (9, 13)])
def test_pictures_of_any_size_are_drawn(size: tuple[int, int]) -> None:
    x = torch.rand(1, 3, *size)
    assert transfer(tiny("T"), x)(x).result.shape == x.shape
    assert drawn_recolor(model(tiny("T")), x, torch.ones(1, 1, *size), BLUE, texture="T").shape == x.shape


def test_tiles_are_small_and_leave_no_seam() -> None:
    x = gradient(72, 104)[None]
    whole, tiled = Looking(), Looking()
    expected = transfer(whole, x)(x).result
    assert torch.allclose(transfer(tiled, x, tile=32, overlap=8)(x).result, expected, atol=1e-5)
    assert {tuple(one.shape[-2:]) for one in tiled.noisy} == {(32, 32)}
    weight = torch.ones(1, 1, 72, 104)
    painted = drawn_recolor(model(Looking(), tile=32, overlap=8), x, weight, BLUE, texture="T")
    assert torch.allclose(painted, drawn_recolor(model(Looking()), x, weight, BLUE, texture="T"), atol=1e-5)


def test_steps_of_tiny_networks_are_not_higher_at_the_borders_of_tiles() -> None:
    x = torch.full((1, 3, 64, 96), 0.5)
    mapping = PaletteMapping(torch.full((1, 3), 0.5), torch.full((1, 3), 0.4), torch.ones(1))
    made = DrawnTransfer(mapping, model(tiny(), tile=32, overlap=16), texture="off", fidelity=0)(x).result
    steps = made.diff(dim=-1).abs().mean(dim=(0, 1, 2))
    borders = [place - 1 for place in (16, 32, 48, 64, 80)]
    assert float(steps[borders].mean()) < 1.5 * float(steps.mean())


def test_only_the_mask_and_its_surroundings_are_drawn() -> None:
    weight = torch.zeros(1, 1, 1080, 1920)
    weight[..., 500:520, 900:1300] = 1
    rows, columns = view_of(weight)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (256, 528)
    assert rows.start <= 436
    assert rows.stop >= 584
    assert (columns.start, columns.stop) == (836, 1364)


@pytest.mark.parametrize("place", [(0, 0), (1079, 1919), (0, 1919)])
def test_the_view_stays_in_the_picture(place: tuple[int, int]) -> None:
    weight = torch.zeros(1, 1, 1080, 1920)
    weight[..., place[0], place[1]] = 1
    for view, at, length in zip(view_of(weight), place, (1080, 1920), strict=True):
        assert 0 <= view.start <= at < view.stop <= length
        assert view.stop - view.start == 256
    assert view_of(torch.ones(1, 1, 20, 30)) == (slice(0, 20), slice(0, 30))
