"""Steadiness of a restored clip: flicker where nothing moves, and warping error along the true motion.

Both take whole clips ``(T, 3, H, W)`` in [0, 1] and give one number; report them beside PSNR, because blur lowers both.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vdequant.checks import check_picture, check_same_shape

STILL = 0.5 / 255  # most that a sample of a place where nothing happens differs between frames
LEAST_FRAMES = 2


def _check(x: Tensor, reference: Tensor) -> None:
    check_picture(x)
    check_same_shape(x, reference, "x, reference")
    if len(x) < LEAST_FRAMES:
        raise ValueError(f"expected a clip of {LEAST_FRAMES} or more frames, got {len(x)}")


def flicker(x: Tensor, reference: Tensor) -> float:
    """Variance over time where the true clip stands still, in squared codes of 0..255.

    Args:
        x: restored clip ``(T, 3, H, W)`` in [0, 1].
        reference: true clip; a pixel stands still when no sample of it changes in the whole clip.

    Returns:
        Mean of the temporal variances of the still samples, lower is better; nan when every pixel moves.
    """
    _check(x, reference)
    still = ((reference.amax(0) - reference.amin(0)) <= STILL).all(0)
    if not still.any():
        return float("nan")
    variance = x.double().var(dim=0, unbiased=False)
    return float(variance[:, still].mean()) * 255**2


def _gray(frame: Tensor) -> NDArray[np.uint8]:
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=frame.dtype, device=frame.device)
    luma = (frame * weights[:, None, None]).sum(0)
    return np.asarray((luma * 255).round().to(torch.uint8).cpu().numpy())


def _flow(first: Tensor, second: Tensor) -> Tensor:
    """Where each pixel of ``first`` lies in ``second``: ``(2, H, W)`` pixels across and down (OpenCV's DIS)."""
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    height, width = first.shape[-2:]
    found = method.calc(_gray(first), _gray(second), np.zeros((height, width, 2), np.float32))
    return torch.from_numpy(np.asarray(found)).permute(2, 0, 1)


def _fetch(picture: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """``picture`` sampled bilinearly at each place plus ``flow``, and whether that lies inside."""
    height, width = picture.shape[-2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x, y = columns + flow[0], rows + flow[1]
    grid = torch.stack([2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1], dim=-1)[None]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    fetched = functional.grid_sample(picture[None].float(), grid.float(), padding_mode="border", align_corners=True)
    return fetched[0], inside


def _visible(forward: Tensor, backward: Tensor) -> Tensor:
    """Forward-backward check: both flows cancel (Sundaram, Brox, Keutzer 2010, equation 5)."""
    returned, inside = _fetch(backward, forward)
    gap = (forward + returned).square().sum(0)
    length = forward.square().sum(0) + returned.square().sum(0)
    return inside & (gap <= 0.01 * length + 0.5)


def warping_error(x: Tensor, reference: Tensor) -> float:
    """Mean squared difference between each frame and the next one moved back onto it, where nothing is hidden.

    E_warp of Lai et al. (ECCV 2018), values in [0, 1], with OpenCV's DIS flow of the *true* clip instead of FlowNet2's:
    compare it only with values of this function, and with the true clip's own, ``warping_error(reference, reference)``.

    Args:
        x: restored clip ``(T, 3, H, W)`` in [0, 1], at least 16x16.
        reference: true clip, the source of the motion.

    Returns:
        Mean over pairs of frames, lower is better.
    """
    _check(x, reference)
    if min(x.shape[-2:]) < 16:
        raise ValueError(f"expected pictures of at least 16x16, got {tuple(x.shape[-2:])}")
    errors = []
    for first in range(len(x) - 1):
        forward = _flow(reference[first], reference[first + 1])
        backward = _flow(reference[first + 1], reference[first])
        seen = _visible(forward, backward)
        moved, _ = _fetch(x[first + 1].cpu(), forward)
        if seen.any():
            errors.append(float((x[first].cpu() - moved)[:, seen].square().mean()))
    return sum(errors) / len(errors) if errors else float("nan")
