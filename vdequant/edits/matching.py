"""Which color of one palette becomes which of another: weighted bipartite matching."""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from vdequant.checks import check_choice
from vdequant.edits import METHODS
from vdequant.errors import UsageError


def match_palettes(
    source: Tensor, source_shares: Tensor, target: Tensor, target_shares: Tensor, method: str = "color"
) -> Tensor:
    """Assign every source color a target color of its own so that the whole costs least (*diffusion*, section 3).

    Joining two colors costs their distance in RGB, weighted by the mean of the shares that the two have of their
    pictures, so that large areas get the partner they want. "negative-color" negates the distances: the most dissimilar
    colors are joined.

    Args:
        source: ``(K, 3)`` in [0, 1]; ``source_shares``: ``(K,)``, shares of the pixels.
        target: ``(M, 3)``, M >= K; of more colors than needed the best ones are taken. ``target_shares``: ``(M,)``.
        method: of METHODS.

    Returns:
        ``(K,)`` int64: the index of each source color's partner in ``target``, no two equal.

    Raises:
        UsageError: for an unknown method, or fewer targets than sources.
    """
    check_choice(method, METHODS, "--method")
    if len(target) < len(source):
        raise UsageError(
            f"expected a palette of at least {len(source)} colors to transfer, got {len(target)}; "
            f"pass --colors {len(target)}"
        )
    distances = torch.cdist(source.double(), target.double(), compute_mode="donot_use_mm_for_euclid_dist")
    costs = distances * (source_shares.double()[:, None] + target_shares.double()[None]) / 2
    _, partners = linear_sum_assignment((costs if method == "color" else -costs).numpy())
    return torch.from_numpy(partners)
