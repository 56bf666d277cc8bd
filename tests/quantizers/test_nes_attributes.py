from __future__ import annotations

import numpy as np
import torch

from vdequant.quantizers.consoles import ConsoleQuantizer
from vdequant.quantizers.nes_attributes import cluster, fit_exactly
from vdequant.quantizers.rows import to_rows

NES = ConsoleQuantizer("nes")


def sets_of(y: torch.Tensor) -> list[set[tuple[float, ...]]]:
    """The colors of every 16x16 block."""
    blocks = [part for row in y.split(16, 2) for part in row.split(16, 3)]
    return [{tuple(color) for color in to_rows(block).tolist()} for block in blocks]


def smooth(height: int, width: int) -> torch.Tensor:
    down, across = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    return torch.stack([down, across, 1 - (down + across) / 2])[None]


def test_a_block_has_four_colors_and_a_picture_thirteen_at_most() -> None:
    found = sets_of(NES.quantize(smooth(64, 80)))
    assert max(map(len, found)) <= 4
    assert len(set.union(*found)) <= 13
    assert len(set.union(*found)) > 4


def test_a_picture_that_obeys_the_rule_comes_out_as_it_went_in() -> None:
    generator = torch.Generator().manual_seed(5)
    colors = NES.console.palette()
    for _ in range(5):
        chosen = torch.randperm(54, generator=generator)[:13]
        y = torch.empty(1, 3, 48, 64)
        for top in range(0, 48, 16):
            for left in range(0, 64, 16):
                own = chosen[[0, *(1 + 3 * int(torch.randint(4, (), generator=generator)) + np.arange(3))]]
                picks = own[torch.randint(4, (16, 16), generator=generator)]
                y[0, :, top : top + 16, left : left + 16] = colors[picks].permute(2, 0, 1)
        assert torch.equal(NES.quantize(y), y)


def test_fitting_finds_the_shared_color_and_refuses_what_cannot_be() -> None:
    seen = np.zeros((5, 14), dtype=bool)
    for block, colors in enumerate([(0, 1, 2, 3), (0, 4, 5, 6), (0, 7, 8, 9), (10, 11, 12, 0), (1, 2)]):
        seen[block, list(colors)] = True
    fitted = fit_exactly(seen)
    assert fitted is not None
    assert (fitted & seen == seen).all()
    assert fitted.sum(axis=1).max() <= 4
    seen[4] = False
    seen[4, [1, 4]] = True  # no sub-palette has both
    assert fit_exactly(seen) is None
    seen[4, :5] = True
    assert fit_exactly(seen) is None


def test_four_kinds_of_blocks_get_a_sub_palette_each() -> None:
    # Four groups of three far colors and one that all blocks have: the solution has no error.
    place = np.arange(13)
    costs = np.where(place[:, None] == place, 0.0, 1.0)
    counts = np.zeros((8, 13))
    for block in range(8):
        first = 1 + 3 * (block % 4)
        counts[block, first : first + 3] = 50 + block
        counts[block, 0] = 100
    chosen = cluster(counts, costs)
    assert (chosen >= (counts > 0)).all()
    assert (chosen.sum(axis=1) == 4).all()


def test_choosing_well_beats_one_palette_for_all() -> None:
    x = smooth(64, 80)
    colors = NES.quantize(x)
    four = {tuple(color) for color in sets_of(colors)[0]}
    few = torch.tensor(sorted(four))
    nearest = few[torch.cdist(to_rows(x), few).argmin(1)]
    assert (colors - x).square().mean() < 0.5 * (nearest - to_rows(x)).square().mean()


def test_each_picture_of_a_batch_has_sub_palettes_of_its_own() -> None:
    x = torch.cat([smooth(32, 32), 1 - smooth(32, 32)])
    assert torch.equal(NES.quantize(x)[1:], NES.quantize(x[1:]))
