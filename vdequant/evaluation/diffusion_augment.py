"""Figure 9's disturbance: hue, saturation and value of a picture moved together, further and further."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

TURN = 360.0  # degrees, as OpenCV counts hue in float pictures


def random_direction(rng: np.random.Generator) -> tuple[float, float, float]:
    """Where a picture goes in HSV: three numbers from -1 to 1."""
    hue, saturation, value = rng.uniform(-1, 1, 3)
    return float(hue), float(saturation), float(value)


def augmented(x: Tensor, direction: tuple[float, float, float], magnitude: float) -> Tensor:
    """A picture ``(1, 3, S, S)`` in [0, 1] with other colors, each pixel by itself; 8-bit codes stay 8-bit codes.

    Args:
        direction: of :func:`random_direction`.
        magnitude: 0 changes nothing; at 1 the hue turns by at most half a turn, and saturation and value become at
            most twice as large, or vanish. The paper does not say how its own *Aug value* counts.
    """
    if magnitude == 0:
        return x
    hue, saturation, value = (magnitude * part for part in direction)
    pixels: Any = np.ascontiguousarray(x[0].permute(1, 2, 0).numpy())
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + hue * TURN / 2) % TURN
    hsv[..., 1] = (hsv[..., 1] * (1 + saturation)).clip(0, 1)
    hsv[..., 2] = (hsv[..., 2] * (1 + value)).clip(0, 1)
    moved = torch.from_numpy(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)).permute(2, 0, 1)[None]
    return (moved * 255).round().clamp(0, 255) / 255
