from __future__ import annotations

import torch

from vdequant.frames import Layout, Matrix
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.snapping import Snap, SnappedQuantizer, halves_color
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.quantizers.video import VideoQuantizer

RGB = Layout(4, 4)
COLORS = torch.tensor([[0, 0, 0], [99, 99, 99], [255, 247, 239]]) / 255


def snap(margin: float = 0.9) -> Snap:
    return Snap(COLORS, COLORS * 255, torch.full((3,), margin), RGB, Matrix.RGB)


def codes(*triples: tuple[float, float, float]) -> torch.Tensor:
    return torch.tensor(triples).T.reshape(1, 3, 1, -1)


def test_codes_near_a_clean_color_become_that_color_exactly() -> None:
    rgb, sure = snap()(codes((2, 1, 0), (97, 101, 99), (254, 250, 240)))
    assert sure.all()
    assert torch.equal(rgb[0, :, 0].T, COLORS)


def test_codes_far_from_every_clean_color_stay() -> None:
    rgb, sure = snap()(codes((50, 50, 50)))
    assert not sure.any()
    assert torch.allclose(rgb.flatten() * 255, torch.full((3,), 50.0))


def test_codes_between_two_clean_colors_are_not_sure() -> None:
    near = Snap(COLORS[:2], torch.tensor([[100.0, 100, 100], [108, 100, 100]]), torch.full((2,), 0.5), RGB, Matrix.RGB)
    _, sure = near(codes((104, 100, 100), (101, 100, 100)))
    assert sure.flatten().tolist() == [False, True]


def test_a_second_frame_is_answered_from_the_table_alike() -> None:
    one = snap()
    first, again = one(codes((3, 3, 3), (120, 99, 99))), one(codes((3, 3, 3), (120, 99, 99)))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_clean_colors_have_the_cells_of_their_quantizer_and_others_the_tolerance() -> None:
    lattice = UniformQuantizer.of_bits((5, 5, 5))
    quantizer = SnappedQuantizer(torch.tensor([[99, 99, 99]]) / 255, lattice, 4 / 255)
    y = torch.tensor([99 / 255, 100 / 255]).reshape(1, 1, 1, 2).expand(1, 3, 1, 2).contiguous()
    cells, exact = quantizer.cells(y), lattice.cells(y)
    assert torch.equal(cells.low[..., 0], exact.low[..., 0])
    assert torch.equal(cells.high[..., 0], exact.high[..., 0])
    assert torch.allclose((cells.high - cells.low)[..., 1], torch.tensor(8 / 255))
    assert cells.lossy
    assert cells.contains(y).all()


def test_projection_lands_inside_the_mixed_cells_and_stays_there() -> None:
    quantizer = SnappedQuantizer(COLORS, PaletteQuantizer(COLORS), 4 / 255)
    y = COLORS[torch.randint(3, (16,))].T.reshape(1, 3, 4, 4).contiguous()
    y[..., 0] = torch.rand(1, 3, 4)
    cells = quantizer.cells(y)
    inside = cells.project(torch.rand(1, 3, 4, 4))
    assert cells.contains(inside).all()
    assert torch.allclose(cells.project(inside), inside, atol=1e-6)


def test_it_speaks_of_both_the_lattice_and_the_codec() -> None:
    words = SnappedQuantizer(COLORS, UniformQuantizer.of_levels(4), 3 / 255).describe()
    assert "4 levels" in words
    assert "±3.0/255" in words
    assert torch.equal(SnappedQuantizer(COLORS, PaletteQuantizer(COLORS), 0.01).quantize(torch.zeros(1, 3, 2, 2)),
                       torch.zeros(1, 3, 2, 2))  # fmt: skip


def test_cells_of_a_clip_that_is_clean_nearly_everywhere_are_those_of_exact_pictures() -> None:
    palette = PaletteQuantizer(COLORS)
    y = COLORS[torch.randint(3, (16,))].T.reshape(1, 3, 4, 4).contiguous()
    clean, doubtful = (SnappedQuantizer(COLORS, palette, 4 / 255, sure).cells(y) for sure in (0.99, 0.7))
    assert (clean.lossy, doubtful.lossy) == (False, True)
    for name in ("low", "high", "room"):
        assert torch.equal(getattr(clean, name), getattr(palette.cells(y), name))


def test_where_color_was_halved_only_doubtful_pixels_have_the_cells_of_that() -> None:
    generator = torch.Generator().manual_seed(4)
    y = COLORS[torch.randint(3, (17 * 14,), generator=generator)].T.reshape(1, 3, 17, 14).contiguous()
    doubtful = torch.rand(1, 1, 17, 14, generator=generator) < 0.33
    y = torch.where(doubtful, torch.rand(y.shape, generator=generator) * 0.9, y)
    quantizer = SnappedQuantizer(COLORS, PaletteQuantizer(COLORS), 4 / 255, 0.7, halved=True)
    cells = quantizer.cells(y)
    assert quantizer.period == VideoQuantizer(4 / 255).period
    assert halves_color(cells)
    found = cells.project(torch.rand(y.shape, generator=generator))
    assert cells.contains(found).all()
    assert torch.allclose(cells.project(found), found, atol=1e-6)
    clean = cells.clean.expand_as(y)
    assert torch.equal(found[clean], y[clean])
    assert float((found - y)[~clean].abs().max()) > 8 / 255  # farther than a box of the tolerance


def test_without_clean_pixels_the_cells_are_those_of_halved_color() -> None:
    y = torch.rand(1, 3, 9, 10, generator=torch.Generator().manual_seed(1)) * 0.9 + 0.01
    wild = torch.rand(y.shape, generator=torch.Generator().manual_seed(2))
    snapped = SnappedQuantizer(COLORS, PaletteQuantizer(COLORS), 4 / 255, halved=True).cells(y)
    assert torch.allclose(snapped.project(wild), VideoQuantizer(4 / 255).cells(y).project(wild), atol=1e-6)


def test_only_halved_color_counts_as_that() -> None:
    palette, y = PaletteQuantizer(COLORS), torch.rand(1, 3, 4, 4)
    assert not halves_color(SnappedQuantizer(COLORS, palette, 4 / 255).cells(y))
    assert not halves_color(palette.cells(y))
    assert halves_color(VideoQuantizer(4 / 255).cells(y))
