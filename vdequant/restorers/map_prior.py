"""The restorer of *map*: the picture of a generative prior that explains best what is stored.

y ─► overlapping patches ─► search of Z and alpha, all patches at once ─► G(Z) ─► blended ─► picture

It keeps the contract of restorers: every patch is searched for by itself, from starts that are the same each time. So
a frame knows nothing of the one before; who wants to start there calls :meth:`MapPrior.solve` with ``begin``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.models.prior_weights import Prior, packaged_prior, read_prior
from vdequant.quantizers.base import Cells, Quantizer
from vdequant.quantizers.threshold import ThresholdQuantizer
from vdequant.quantizers.unknown_threshold import UnknownThreshold
from vdequant.restorers.base import Needs
from vdequant.restorers.map_search import ROWS, Found, Search, quick_search, search
from vdequant.restorers.map_transforms import Inside, Transform, threshold, transform_of
from vdequant.restorers.patches import cut, join, patches_in

WEIGHTS = "map-prior"
Told = Callable[[int, int, float], None]


class MapPrior:
    """See the module docstring, and :class:`~vdequant.restorers.base.Restorer` for the promises.

    Args:
        prior: the belief; None is the packaged one, a path one from a file of ``scripts/train_prior.py``.
        search: how long and how to look; None: the quick way that suits the prior.
    """

    weights = (WEIGHTS,)

    def __init__(self, prior: Prior | Path | None = None, search: Search | None = None) -> None:
        if prior is None:
            prior = packaged_prior(WEIGHTS)
        self.prior = read_prior(prior) if isinstance(prior, Path) else prior
        self.search = search or quick_search(self.prior)
        self.told: Told | None = None
        side = self.prior.spec.side
        self.needs = Needs(multiple_of=side // 2, halo=side, min_size=side, align=side // 2)

    def to(self, device: torch.device, dtype: torch.dtype) -> MapPrior:
        """Move the networks; ``dtype`` is that of their layers, the objective stays float32."""
        self.prior.to(device, dtype)
        return self

    def watch(self, told: Told) -> None:
        """Tell ``told`` after every step how many are done, of how many at most, and the mean objective."""
        self.told = told

    def restore(self, y: Tensor, cells: Cells) -> Tensor:
        """Propose the true picture where the quantizer is not known, from the reach of its cells alone."""
        check_picture(y, "y")
        return self._pictures(y, self._solve(torch.cat([y, cells.low, cells.high], dim=1), Inside()))

    def restore_stored(self, y: Tensor, cells: Cells, quantizer: Quantizer) -> Tensor:
        """Propose the true picture for ``y`` ``(N, 3, H, W)`` float32, stored by ``quantizer``; the same shape."""
        return self._pictures(y, self.solve(y, quantizer), quantizer)

    def solve(self, y: Tensor, quantizer: Quantizer, begin: Tensor | None = None) -> Found:
        """The search alone, of all patches of ``y``.

        Args:
            y: ``(N, 3, H, W)`` that fits :attr:`needs`.
            quantizer: that stored it.
            begin: the ``z`` that was found for a similar picture, such as the frame before: a search from there needs
                fewer steps, but its result depends on that picture.
        """
        check_picture(y, "y")
        return self._solve(y, transform_of(quantizer), begin)

    def _solve(self, stored: Tensor, transform: Transform, begin: Tensor | None = None) -> Found:
        patches = cut(stored, self.prior.spec.side)
        return search(self.prior, transform, patches, self.search, begin=begin, told=self.told)

    def _pictures(self, y: Tensor, found: Found, quantizer: Quantizer | None = None) -> Tensor:
        pictures = found.pictures
        if isinstance(quantizer, UnknownThreshold):
            # The caller's cells know nothing of the threshold; the one that was estimated decides.
            estimate = ThresholdQuantizer(threshold(found.alpha).clamp(1e-3, 1 - 1e-3))
            pictures = estimate.cells(cut(y, self.prior.spec.side)).project(pictures)
        return join(pictures, len(y), *y.shape[-2:]).clamp_(0, 1)

    def seconds(self, height: int, width: int) -> float:
        """About how long a picture of this size takes at most on this device, from a search of three steps."""
        half, side = self.needs.multiple_of, self.prior.spec.side
        sides = [-(-max(size, side) // half) * half for size in (height, width)]
        first = next(self.prior.generator.parameters())
        stored = torch.full((ROWS, 3, side, side), 0.5, device=first.device)
        trial = replace(self.search, steps=3, coarse=0, restarts=0, patience=0)
        began = time.perf_counter()
        search(self.prior, Inside(), stored.repeat(1, 3, 1, 1), trial)
        a_step = (time.perf_counter() - began) / (trial.steps + 1)
        settings = self.search
        steps = settings.steps + settings.coarse * (1 + settings.restarts)
        return a_step / ROWS * patches_in(sides[0], sides[1], side) * steps
