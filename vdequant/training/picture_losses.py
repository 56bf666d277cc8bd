"""The losses of section 2.2 of the DequantizerNet paper, and their weighted sum.

Pictures are ``(N, 3, H, W)`` in [-1, 1], features ``(N, C, h, w)``; every loss is one number, a mean where the paper
divides by width and height.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional

FLOOR = 1.6e-5  # added to the input's squared error: half a code in [-1, 1], below which nobody sees an improvement

Loss = Callable[[Tensor, Tensor], Tensor]  # of the answer and the truth


@dataclass(frozen=True)
class LossWeights:
    """The sum that a generator learns by; 0 leaves a loss out. The defaults are the published sum (equation 8).

    Attributes:
        adversarial: alpha; what fools the discriminator is good. The paper's program has 0.001.
        content: beta; squared difference of features.
        l1, l2, smooth_l1: of the pixels, equation 1.
        relative: squared difference of the pixels in units of what the input is off, so that every quality of JPEG
            weighs alike. Not in the paper; it is what raises PSNR.
        texture: by how features of the two go together, equation 3.
        variation: difference of the two pictures' total variation, equation 4.
    """

    adversarial: float = 1e-3
    content: float = 1.0
    l1: float = 0.0
    l2: float = 0.0
    smooth_l1: float = 0.0
    relative: float = 0.0
    texture: float = 0.0
    variation: float = 0.0

    def describe(self) -> str:
        """ "0.001 adversarial + 1 content", for the model card."""
        parts = [(f"{getattr(self, item.name):g}", item.name.replace("_", " ")) for item in fields(self)]
        return " + ".join(f"{weight} {name}" for weight, name in parts if weight != "0")


def variation(x: Tensor) -> Tensor:
    """Total variation of each picture, ``(N,)``: the absolute differences of neighbors, a mean over the samples."""
    right = (x[..., :, 1:] - x[..., :, :-1]).abs().mean(dim=(1, 2, 3))
    below = (x[..., 1:, :] - x[..., :-1, :]).abs().mean(dim=(1, 2, 3))
    return right + below


def variation_loss(answer: Tensor, truth: Tensor) -> Tensor:
    """Equation 4: the squared difference of the total variations."""
    return (variation(answer) - variation(truth)).square().mean()


def content_loss(answer: Tensor, truth: Tensor) -> Tensor:
    """Equation 2 for features: their mean squared difference."""
    return functional.mse_loss(answer, truth)


def texture_loss(answer: Tensor, truth: Tensor) -> Tensor:
    """Equation 3 for features: 1 - |correlation|, of each picture's features as one row of numbers.

    0 where they rise and fall together, 1 where they have nothing to do with each other.
    """
    rows = [part.flatten(1) - part.flatten(1).mean(1, keepdim=True) for part in (answer, truth)]
    together = functional.cosine_similarity(rows[0], rows[1], dim=1)
    return (1 - together.abs()).mean()


def relative_loss(answer: Tensor, truth: Tensor, stored: Tensor) -> Tensor:
    """Squared error of each answer in units of that of the input it was made from; 1 for doing nothing."""
    error = (answer - truth).square().mean(dim=(1, 2, 3))
    return (error / ((stored - truth).square().mean(dim=(1, 2, 3)) + FLOOR)).mean()


PIXEL: dict[str, Loss] = {
    "l1": functional.l1_loss,
    "l2": functional.mse_loss,
    "smooth_l1": functional.smooth_l1_loss,
    "variation": variation_loss,
}
FEATURE: dict[str, Loss] = {"content": content_loss, "texture": texture_loss}


def fooling_loss(logits: Tensor) -> Tensor:
    """Equation 5, the generator's side: binary cross entropy between its pictures' verdict and "true"."""
    return functional.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))


def telling_loss(of_truth: Tensor, of_answer: Tensor) -> Tensor:
    """The discriminator's side: binary cross entropy of both kinds, true ones as 1 and made ones as 0."""
    true = functional.binary_cross_entropy_with_logits(of_truth, torch.ones_like(of_truth))
    return true + functional.binary_cross_entropy_with_logits(of_answer, torch.zeros_like(of_answer))


class PictureLoss:
    """All but the adversarial part of the sum.

    Args:
        weights: of the sum.
        extractor: gives the features; None where neither content nor texture is asked for.
    """

    def __init__(self, weights: LossWeights, extractor: nn.Module | None) -> None:
        self.weights, self.extractor = weights, extractor

    @staticmethod
    def needs_features(weights: LossWeights) -> bool:
        """Whether an extractor is asked for."""
        return any(getattr(weights, name) for name in FEATURE)

    def __call__(self, answer: Tensor, truth: Tensor, stored: Tensor) -> Tensor:
        """The weighted sum of the chosen losses of what was made of ``stored``."""
        total = answer.new_zeros(())
        if self.weights.relative:
            total = total + self.weights.relative * relative_loss(answer, truth, stored)
        for name, loss in PIXEL.items():
            if weight := getattr(self.weights, name):
                total = total + weight * loss(answer, truth)
        if self.extractor is None or not self.needs_features(self.weights):
            return total
        with torch.no_grad():
            wanted = self.extractor(truth)
        found = self.extractor(answer)
        for name, loss in FEATURE.items():
            if weight := getattr(self.weights, name):
                total = total + weight * loss(found, wanted)
        return total
