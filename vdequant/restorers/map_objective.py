"""What *map* minimizes over the generator's input Z and the parameters alpha of the quantizer (eq. 5, 6 and 11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from vdequant.models.prior import Critic
from vdequant.restorers.map_transforms import Transform

# Mean squared error that is taken for none, a quarter of an 8-bit code: the logarithm of nothing has no least value.
SMALLEST = (0.25 / 255) ** 2

Objective = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]  # pictures, Z, alpha, stored -> (N,)


@dataclass(frozen=True)
class MapObjective:
    """``N log ||Y - T(G(Z), alpha)||^2 + ||Z||^2``, of each picture.

    N is the number of observed values: 3 a pixel of color, 1 a pixel of gray.

    Attributes:
        transform: T; :class:`~vdequant.restorers.map_transforms.Identity` gives eq. 11.
        reduce: means over so many by so many pixels are compared, the coarse view that a search begins with; N falls
            with it. 1 is the objective of the paper.
    """

    transform: Transform
    reduce: int = 1

    def __call__(self, made: Tensor, z: Tensor, alpha: Tensor, stored: Tensor) -> Tensor:
        """Of pictures ``made`` ``(N, 3, H, W)`` from ``z`` ``(N, latent)``, given the stored ones; returns ``(N,)``."""
        difference = self.transform.difference(stored, made, alpha)
        if self.reduce > 1:
            difference = functional.avg_pool2d(difference, self.reduce)
        count = difference[0].numel()
        squared = difference.square().sum(dim=(1, 2, 3)) + count * SMALLEST
        return count * squared.log() + z.square().sum(dim=1)


@dataclass(frozen=True)
class YehObjective:
    """The method that *map* calls [7]: what is stored is taken for the picture, and a critic has to believe it.

    ``mean |Y - G(Z)| + weight * log(1 + exp(-D(G(Z))))``: the absolute error of Yeh et al. 2018, and the likelihood
    that the picture is real with the logarithm that has a slope where the critic is sure that it is not.

    Attributes:
        critic: D, gives logits.
        weight: has to be tuned beforehand, on pictures like those to be restored.
    """

    critic: Critic
    weight: float

    def __call__(self, made: Tensor, z: Tensor, alpha: Tensor, stored: Tensor) -> Tensor:
        """See :class:`MapObjective`; in units of a picture's values."""
        missed = (stored - made).abs().mean(dim=(1, 2, 3))
        return stored[0].numel() * (missed + self.weight * functional.softplus(-self.critic(made)))
