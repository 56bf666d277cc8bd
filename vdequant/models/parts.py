"""What is said of a network that can be run in parts, on windows that shrink by what each part looks at around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

# Called with planes (N, C, h, w) and how many pixels on each side later layers of the part will still cut off: sets to
# zero what lies outside of the picture, where a layer that pads would have found zeros.
Blank = Callable[[Tensor, int], None]


NARROW = 10  # columns in whose time a row of a convolution begins and ends (measured with oneDNN in bfloat16)


@dataclass(frozen=True, slots=True)
class Part:
    """Some consecutive layers.

    Attributes:
        halo: pixels that they cut off on each side of a window.
        layers: a layer's multiply-accumulates a pixel, and the pixels that the layers after it will cut off.
        other: what else is done for each pixel of a window, as multiply-accumulates that take as long.
    """

    halo: int
    layers: tuple[tuple[int, int], ...]
    other: int = 0

    def macs(self, height: int, width: int) -> int:
        """Multiply-accumulates for a window that is ``height`` x ``width`` when the part has been run."""
        return sum(each * (height + 2 * left) * (width + 2 * left) for each, left in self.layers)

    def cost(self, height: int, width: int) -> int:
        """The same with all that takes time: convolutions of narrow windows are slower."""
        work = sum(each * (height + 2 * left) * (width + 2 * left + NARROW) for each, left in self.layers)
        return work + self.other * (height + 2 * self.halo) * (width + 2 * self.halo)


def layered(steps: list[tuple[int, int]], other: int = 0) -> Part:
    """A part of layers ``(multiply-accumulates a pixel, pixels that it cuts off)``."""
    left = halo = sum(cut for _, cut in steps)
    layers = []
    for each, cut in steps:
        left -= cut
        layers.append((each, left))
    return Part(halo, tuple(layers), other)
