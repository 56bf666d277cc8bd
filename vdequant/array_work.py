"""One recipe for pictures in memory: decided from some of them, then applied to any number, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from vdequant.checks import check_fraction
from vdequant.errors import UsageError
from vdequant.frame_work import Recipe, keep_drawn, restore_native
from vdequant.frames import Layout
from vdequant.planning import fitting_grid, overruled, suited_restorer
from vdequant.quantizers.estimate import estimate
from vdequant.quantizers.finding import Finding
from vdequant.quantizers.grid import Grid, part
from vdequant.quantizers.spec import Request, parse_quantizer, resolve
from vdequant.restorers import check_restorer
from vdequant.restorers.ensemble import viewed
from vdequant.restorers.loading import load_restorer
from vdequant.schedule.device import Engine, choose_engine
from vdequant.schedule.tiles import automatic_side


@dataclass(frozen=True, slots=True)
class ArrayWork:
    """What was found in some pictures, and what is done to all.

    Attributes:
        recipe: what decides a result.
        finding: what was lost.
        restorer: its name in the README's table.
        grid: of native pixels, None where every stored pixel is one.
        device: where the restorer runs.
    """

    recipe: Recipe
    finding: Finding
    restorer: str
    grid: Grid | None
    device: torch.device

    def restore(self, x: Tensor) -> Tensor:
        """Restore pictures ``(N, 3, H, W)`` float32 in [0, 1]; the result has their shape and is on the CPU."""
        with torch.inference_mode():
            restored = torch.cat([self._restore_one(one) for one in torch.split(x, 1)])
        return restored.clone()  # outside, so that callers may change it and take gradients through it

    def _restore_one(self, one: Tensor) -> Tensor:
        grid = self._grid_of(one)
        native = (one if grid is None else grid.fold(one)).to(self.device)
        restored = keep_drawn(self.recipe, native, restore_native(self.recipe, native)).cpu()
        return restored if grid is None else grid.expand(restored, border=partial(part, one))

    def _grid_of(self, one: Tensor) -> Grid | None:
        """The grid, unless this picture is not made of its pixels: a menu, an overlay, another size."""
        grid = self.grid
        if grid is None or grid.stored_size != (one.shape[-1], one.shape[-2]):
            return None
        if not self.finding.lossless or torch.equal(grid.expand(grid.fold(one), border=partial(part, one)), one):
            return grid
        return None


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller asked for, checked.

    Attributes:
        request: the quantizer.
        restorer: a name, or "auto".
        fidelity: share of the way into the cells.
        engine: where to run.
        small: "auto" means the smaller network.
    """

    request: Request
    restorer: str
    fidelity: float
    engine: Engine
    small: bool

    @classmethod
    def of(cls, quantizer: str, restorer: str, fidelity: float, device: str, *, streaming: bool) -> Wishes:
        """``streaming``: take the smaller network on a CPU, as for video.

        Raises:
            UsageError: for a name or number that does not exist.
        """
        if not isinstance(quantizer, str):
            raise UsageError(f'expected quantizer as text, such as "auto" or "m=8", got {quantizer!r}')
        check_restorer(restorer, "auto")
        check_fraction(fidelity, "fidelity")
        request, engine = parse_quantizer(quantizer), choose_engine(device)
        return cls(request, restorer, fidelity, engine, streaming and engine.device.type == "cpu")


def decide(wishes: Wishes, pictures: Sequence[Tensor], *, stored_bits: int, output_bits: int = 16) -> ArrayWork:
    """Look at pictures ``(3, H, W)`` float32 in [0, 1] of one size, and decide what is done.

    Args:
        stored_bits: depth of the samples, 16 for floats.
        output_bits: depth that the results will be rounded to; they keep so far from the borders of their cells.
    """
    request = wishes.request
    finding = estimate(pictures, lossy_codec=False, stored_bits=stored_bits)
    known = finding.quantizer if request.kind == "auto" else resolve(request, pictures)
    stated = None if request.kind in ("auto", "none") else known
    finding = finding if request.kind == "auto" else overruled(finding, request)
    auto = wishes.restorer == "auto"
    name = suited_restorer(finding, stated, small=wishes.small) if auto else wishes.restorer
    grid, (height, width) = fitting_grid(finding.grid, known), pictures[0].shape[-2:]
    native_height, native_width = (height, width) if grid is None else grid.size[::-1]
    engine = wishes.engine
    restorer = viewed(load_restorer(name).to(engine.device, engine.dtype))
    recipe = Recipe(
        restorer=restorer,
        quantizer=known,
        output=Layout(width, height, "rgb", output_bits),
        fidelity=wishes.fidelity,
        # a dither that was stated knows its own cells
        dithered=finding.dithered and not request.dither,
        gray=finding.gray and stated is None,
        tile=automatic_side(native_height, native_width, engine.device, restorer.needs.halo),
    )
    return ArrayWork(recipe, finding, name, grid, engine.device)
