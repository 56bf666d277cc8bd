"""Parts of a picture by pointing at them: a rectangle, GrabCut in it, a flood from a point; and soft inner edges."""

from __future__ import annotations

import re
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdequant.errors import UsageError

Bits = NDArray[np.bool_]  # (H, W)
GRABCUT_ROUNDS = 5
_RECT = re.compile(r"(\d{1,6}),(\d{1,6}),(\d{1,6}),(\d{1,6})")
_POINT = re.compile(r"(\d{1,6}),(\d{1,6})")


def parse_rect(text: str) -> tuple[int, int, int, int]:
    """Left, top, width and height in pixels of "x,y,w,h"; raise :class:`UsageError` for anything else."""
    match = _RECT.fullmatch(text)
    if match is None or int(match[3]) < 1 or int(match[4]) < 1:
        raise UsageError(f"expected --rect as X,Y,WIDTH,HEIGHT in pixels, such as 10,20,64,48, got {text!r}")
    return int(match[1]), int(match[2]), int(match[3]), int(match[4])


def parse_point(text: str) -> tuple[int, int]:
    """The pixel of "x,y"; raise :class:`UsageError` for anything else."""
    match = _POINT.fullmatch(text)
    if match is None:
        raise UsageError(f"expected --point as X,Y in pixels from the upper left corner, such as 40,25, got {text!r}")
    return int(match[1]), int(match[2])


def rectangle(box: tuple[int, int, int, int], width: int, height: int) -> Bits:
    """The pixels of a rectangle.

    Raises:
        UsageError: it does not lie within the picture.
    """
    left, top, across, down = box
    if left + across > width or top + down > height:
        raise UsageError(
            f"expected --rect inside the picture of {width}x{height} pixels, got {','.join(map(str, box))}"
        )
    bits = np.zeros((height, width), np.bool_)
    bits[top : top + down, left : left + across] = True
    return bits


def inside_picture(point: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    """``point`` when it is a pixel of the picture; raise :class:`UsageError` otherwise."""
    if point[0] >= width or point[1] >= height:
        raise UsageError(f"expected --point inside the picture of {width}x{height} pixels, got {point[0]},{point[1]}")
    return point


def _codes(picture: Tensor) -> NDArray[np.uint8]:
    """``(1, 3, H, W)`` in [0, 1] as ``(H, W, 3)`` 8-bit BGR codes, which OpenCV takes."""
    codes = (picture[0].flip(0) * 255).round().to(torch.uint8).permute(1, 2, 0)
    return np.ascontiguousarray(codes.cpu().numpy())


def flood(picture: Tensor, point: tuple[int, int], tolerance: int) -> Bits:
    """The pixels that are connected to ``point`` by colors that differ from its own by at most ``tolerance``.

    Args:
        picture: ``(1, 3, H, W)`` in [0, 1].
        point: x and y of a pixel of it.
        tolerance: in 8-bit codes, of each channel.
    """
    codes: Any = _codes(picture)
    mask: Any = np.zeros((codes.shape[0] + 2, codes.shape[1] + 2), np.uint8)
    flags = 4 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | (1 << 8)
    cv2.floodFill(codes, mask, point, (0, 0, 0), (tolerance,) * 3, (tolerance,) * 3, flags)
    found: Bits = mask[1:-1, 1:-1] == 1
    return found


def grabcut(picture: Tensor, box: tuple[int, int, int, int]) -> Bits:
    """What stands out from its surroundings inside a rectangle (Rother, Kolmogorov, Blake 2004).

    Args:
        picture: ``(1, 3, H, W)`` in [0, 1].
        box: left, top, width, height.

    Raises:
        UsageError: the rectangle is the whole picture, which leaves no surroundings, or leaves the picture.
    """
    codes: Any = _codes(picture)
    height, width = codes.shape[:2]
    if rectangle(box, width, height).all():
        raise UsageError("expected --rect with surroundings for --grabcut, got the whole picture; make it smaller")
    mask: Any = np.zeros((height, width), np.uint8)
    cv2.setRNGSeed(0)
    try:
        cv2.grabCut(codes, mask, box, np.zeros((1, 65)), np.zeros((1, 65)), GRABCUT_ROUNDS, cv2.GC_INIT_WITH_RECT)
    except cv2.error:  # too few colors inside or outside for its five gaussians
        raise UsageError(
            "expected more of the picture inside and around --rect for --grabcut; move it, or leave --grabcut out"
        ) from None
    found: Bits = (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)
    return found


def soft_inside(bits: Bits, feather: float) -> Tensor:
    """Weights that rise from the mask's edge inward and are 0 outside it.

    Args:
        bits: the mask.
        feather: pixels from its edge after which the weight is 1; 0 for a hard edge. The picture's border is no edge.

    Returns:
        ``(1, 1, H, W)`` float32 in [0, 1].
    """
    weight = torch.from_numpy(bits.astype(np.float32))
    if feather > 0:
        padded: Any = np.pad(bits, 1, mode="edge").astype(np.uint8)
        away = torch.from_numpy(cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1])
        weight = torch.where(weight > 0, (away / (feather + 1)).clamp(max=1), weight)
    return weight[None, None]
