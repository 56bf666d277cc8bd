"""Every restorer of the table keeps the contract of restorers/base.py, for every kind of cell."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import pytest
import torch

from vdequant.quantizers.base import Cells, Quantizer, toward_cells
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.snapping import SnappedQuantizer
from vdequant.quantizers.threshold import ThresholdQuantizer
from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.quantizers.video import VideoQuantizer
from vdequant.restorers import RESTORERS
from vdequant.restorers.base import WHOLE_PICTURE, Needs, Restorer
from vdequant.restorers.diffusion import Diffusion
from vdequant.restorers.map_plus import MapPlus
from vdequant.restorers.map_prior import MapPrior
from vdequant.restorers.map_search import Search
from vdequant.restorers.sampling import Sampling


def eight_colors() -> PaletteQuantizer:
    return PaletteQuantizer(torch.rand(8, 3, generator=torch.Generator().manual_seed(5)))


def tolerance_cells(y: torch.Tensor) -> Cells:
    return ToleranceQuantizer(4 / 255).cells(y)


def dithered_cells(y: torch.Tensor) -> Cells:
    return eight_colors().cells(y, dithered=True)


GREENS = torch.tensor([[15, 56, 15], [48, 98, 48], [139, 172, 15], [155, 188, 15]]) / 255
BLACK_AND_WHITE = DitherQuantizer(ThresholdQuantizer(), "fs")
TONES = DitherQuantizer(PaletteQuantizer(GREENS), "fs")


def snapped_video() -> SnappedQuantizer:
    palette = eight_colors()
    return SnappedQuantizer(palette.palette.squeeze(), palette, 4 / 255, 0.8, halved=True)


Kind = tuple[Quantizer, Callable[[torch.Tensor], Cells]]
KINDS: dict[str, Callable[[], Kind]] = {
    "levels": lambda: (UniformQuantizer.of_levels(6), UniformQuantizer.of_levels(6).cells),
    "5-6-5": lambda: (UniformQuantizer.of_bits((5, 6, 5)), UniformQuantizer.of_bits((5, 6, 5)).cells),
    "palette": lambda: (eight_colors(), eight_colors().cells),
    "dithered palette": lambda: (eight_colors(), dithered_cells),
    "dithered black and white": lambda: (BLACK_AND_WHITE, BLACK_AND_WHITE.cells),
    "dithered tones": lambda: (TONES, TONES.cells),
    "lossy": lambda: (ToleranceQuantizer(4 / 255), tolerance_cells),
    "video": lambda: (VideoQuantizer(4 / 255), VideoQuantizer(4 / 255).cells),
    "snapped, color halved": lambda: (snapped_video(), snapped_video().cells),
}


@pytest.fixture(params=RESTORERS, scope="module")
def restorer(request: pytest.FixtureRequest) -> Restorer:
    module, _, cls = RESTORERS[request.param].partition(":")
    made: Restorer = getattr(import_module(module), cls)()
    if isinstance(made, MapPrior):
        made.search = Search(steps=2, coarse=1, restarts=1)
    if isinstance(made, MapPlus):
        made.map.search = Search(steps=2, coarse=0, restarts=0)
    if isinstance(made, Diffusion):
        made.sampling = Sampling("dpm", steps=2)
    return made


def stored(kind: str, height: int, width: int, count: int = 2) -> tuple[torch.Tensor, Cells]:
    """A picture of smooth waves, quantized, and its cells."""
    down, across = torch.arange(height)[:, None] / 9, torch.arange(width) / 13
    waves = [torch.sin(down * (i + 1) / 2 + across * (3 - i)) * 0.4 + 0.5 for i in range(3)]
    x = torch.stack(waves)[None].repeat(count, 1, 1, 1)
    x[1:] = x[1:].flip(1) * 0.9
    quantizer, cells = KINDS[kind]()
    y = quantizer.quantize(x)
    return y, cells(y)


def fitting(restorer: Restorer, size: int) -> int:
    """The next size that the restorer accepts."""
    multiple = restorer.needs.multiple_of
    return -(-max(size, restorer.needs.min_size) // multiple) * multiple


def test_needs_are_data(restorer: Restorer) -> None:
    assert isinstance(restorer.needs, Needs)
    assert restorer.needs.halo < 256 or restorer.needs.halo == WHOLE_PICTURE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("height", "width"), [(24, 24), (17, 31), (1, 5)])
def test_result_has_shape_type_and_range_of_a_picture(restorer: Restorer, kind: str, height: int, width: int) -> None:
    y, cells = stored(kind, fitting(restorer, height), fitting(restorer, width))
    before = y.clone()
    x = restorer.restore(y, cells)
    assert (x.shape, x.dtype, x.device) == (y.shape, torch.float32, y.device)
    assert x.isfinite().all()
    assert 0 <= x.min() <= x.max() <= 1
    assert torch.equal(y, before)
    assert x.data_ptr() != y.data_ptr()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "dithered" not in kind])  # those bind local means only
def test_projected_result_carries_the_certificate(restorer: Restorer, kind: str) -> None:
    y, cells = stored(kind, fitting(restorer, 24), fitting(restorer, 24))
    assert cells.contains(toward_cells(restorer.restore(y, cells), cells, fidelity=1.0)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_result_does_not_depend_on_batch_neighbors(restorer: Restorer, kind: str) -> None:
    side = fitting(restorer, 24)
    y, cells = stored(kind, side, side)
    _, make_cells = KINDS[kind]()
    alone = restorer.restore(y[1:], make_cells(y[1:]))
    torch.testing.assert_close(restorer.restore(y, cells)[1:], alone, rtol=0, atol=1e-5)


def test_result_is_deterministic(restorer: Restorer) -> None:
    y, cells = stored("levels", fitting(restorer, 24), fitting(restorer, 24))
    assert torch.equal(restorer.restore(y, cells), restorer.restore(y, cells))


def test_nothing_is_seen_beyond_the_halo(restorer: Restorer) -> None:
    halo = restorer.needs.halo
    if halo == WHOLE_PICTURE:
        pytest.skip("it may look at the whole picture, and is always given it")
    height, width = fitting(restorer, 8), fitting(restorer, halo + 16)
    y, cells = stored("levels", height, width, count=1)
    changed = y.clone()
    changed[..., :4] = UniformQuantizer.of_levels(6).quantize(1 - y[..., :4])
    _, make_cells = KINDS["levels"]()
    far = 3 + halo + 1
    here, there = restorer.restore(y, cells), restorer.restore(changed, make_cells(changed))
    torch.testing.assert_close(here[..., far:], there[..., far:], rtol=0, atol=1e-5)


def test_moving_to_the_cpu_changes_no_result(restorer: Restorer) -> None:
    y, cells = stored("levels", fitting(restorer, 16), fitting(restorer, 16))
    moved = restorer.to(torch.device("cpu"), torch.float32)
    torch.testing.assert_close(moved.restore(y, cells), restorer.restore(y, cells), rtol=0, atol=1e-5)
    assert moved.needs == restorer.needs


def test_what_is_no_picture_is_refused(restorer: Restorer) -> None:
    _, cells = stored("levels", fitting(restorer, 8), fitting(restorer, 8))
    with pytest.raises(ValueError, match=r"\(N, 3, H, W\)"):
        restorer.restore(torch.rand(3, 8, 8), cells)
