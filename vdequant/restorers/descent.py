"""How a search goes downhill: the published way, and a quick one. Every picture (row) moves on its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor


class Descent(Protocol):
    """Moves rows of parameters along their gradients."""

    def step(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor], rate: float = 1.0) -> None:
        """Change ``parameters``, each ``(N, ...)``, in place; ``rate`` scales the step."""
        ...

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows alone."""
        ...


class NormalizedMomentum:
    """Momentum gradient descent with normalized gradients, as in all experiments of *map* (section IV A).

    The gradient of a picture, over all its parameters, is scaled to length 1; ``v <- m v + (1 - m) g`` and
    ``x <- x - rate v``. The paper names the two numbers and no formula. Without the factor ``1 - m`` a step could
    become a hundred long, three times as long as Z itself.

    Args:
        rate: length of a step along an unchanging gradient.
        momentum: m.
    """

    def __init__(self, rate: float = 0.1, momentum: float = 0.999) -> None:
        self.rate, self.momentum = rate, momentum
        self.speeds: list[Tensor] = []

    def step(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor], rate: float = 1.0) -> None:
        """See :class:`Descent`."""
        self.speeds = self.speeds or [torch.zeros_like(parameter) for parameter in parameters]
        squared = sum(gradient.square().sum(dim=1, keepdim=True) for gradient in gradients)
        length = torch.as_tensor(squared).sqrt().clamp(min=1e-12)
        for parameter, gradient, speed in zip(parameters, gradients, self.speeds, strict=True):
            speed.lerp_(gradient / length, 1 - self.momentum)
            parameter.sub_(speed, alpha=self.rate * rate)

    def keep(self, rows: Tensor) -> None:
        """See :class:`Descent`."""
        self.speeds = [speed[rows] for speed in self.speeds]


class Adam:
    """Adam (Kingma & Ba 2015).

    Args:
        rate: size of a step.
        betas: shares of the past in the means of the gradient and of its square.
    """

    def __init__(self, rate: float = 0.1, betas: tuple[float, float] = (0.9, 0.95)) -> None:
        self.rate, self.betas = rate, betas
        self.means: list[Tensor] = []
        self.squares: list[Tensor] = []
        self.steps = 0

    def step(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor], rate: float = 1.0) -> None:
        """See :class:`Descent`."""
        if not self.means:
            self.means = [torch.zeros_like(parameter) for parameter in parameters]
            self.squares = [torch.zeros_like(parameter) for parameter in parameters]
        self.steps += 1
        known = [1 - beta**self.steps for beta in self.betas]
        moving = zip(parameters, gradients, self.means, self.squares, strict=True)
        for parameter, gradient, mean, square in moving:
            mean.lerp_(gradient, 1 - self.betas[0])
            square.lerp_(gradient.square(), 1 - self.betas[1])
            step = (mean / known[0]) / ((square / known[1]).sqrt() + 1e-8)
            parameter.sub_(step, alpha=self.rate * rate)

    def keep(self, rows: Tensor) -> None:
        """See :class:`Descent`."""
        self.means = [mean[rows] for mean in self.means]
        self.squares = [square[rows] for square in self.squares]


# name -> what begins a descent of that kind with steps of a size
DESCENTS: dict[str, Callable[[float], Descent]] = {"adam": Adam, "published": NormalizedMomentum}
