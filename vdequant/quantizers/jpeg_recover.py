"""From a decoded JPEG picture back to the coefficients of its file."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.quantizers import jpeg_planes
from vdequant.quantizers.jpeg_codec import HALVED, Coefficients, Subsampling, Tables, decode, steps

EXACT = 0.5  # codes: samples must be the same
PUSHES = (1.0, 1.3, 1.6, 1.3, 1.6)  # how much of a difference is corrected at each try


def _seen(difference: Tensor, like: list[Tensor], tables: Tables, subsampling: Subsampling) -> list[Tensor]:
    """Coefficients, in steps, of a difference of decoded pictures; beyond the picture's edge there is none."""
    ycc = jpeg_planes.to_ycc(difference, offset=0.0)
    planes = [ycc[:, 0], *(jpeg_planes.undouble(ycc[:, i], subsampling) for i in (1, 2))]
    found = []
    for plane, blocks, step in zip(planes, like, steps(tables), strict=True):
        missing = (0, blocks.shape[2] * 8 - plane.shape[-1], 0, blocks.shape[1] * 8 - plane.shape[-2])
        found.append(jpeg_planes.to_coefficients(functional.pad(plane, missing)) / step.to(plane))
    return found


def _first_guess(y: Tensor, tables: Tables, subsampling: Subsampling) -> list[Tensor]:
    """The coefficients of a decoded picture, rounded to whole steps; its edges are repeated."""
    across, down = HALVED[subsampling]
    height, width = y.shape[-2:]
    rows, columns = -(-height // (8 * down)) * 8, -(-width // (8 * across)) * 8  # of chroma
    ycc = jpeg_planes.to_ycc(y)
    planes = [ycc[:, 0], *(jpeg_planes.undouble(ycc[:, i], subsampling) for i in (1, 2))]
    guesses = []
    for i, (plane, step) in enumerate(zip(planes, steps(tables), strict=True)):
        tall, wide = (rows, columns) if i else (rows * down, columns * across)
        missing = (0, wide - plane.shape[-1], 0, tall - plane.shape[-2])
        whole = functional.pad(plane, missing, mode="replicate")
        guesses.append((jpeg_planes.to_coefficients(whole) / step.to(y)).round_())
    return guesses


def recover(y: Tensor, tables: Tables, subsampling: Subsampling, slack: float = EXACT) -> tuple[Coefficients, Tensor]:
    """The coefficients that a decoded picture came from, and where decoding them does not give the picture again.

    The decoder's roundings are alike over flat blocks and may add up to half a step. So the first guess is decoded as
    the decoder does, and corrected by what the difference says, a little more than that as time goes on. A sample that
    was cut at 0 or 255 says nothing where the guess lies beyond, too.

    Args:
        y: ``(N, 3, H, W)`` in [0, 1].
        slack: codes by which samples may differ: what was not decoded by libjpeg does not agree to the last bit.

    Returns:
        The coefficients, and ``unsure`` of :class:`JpegCells`.
    """
    height, width = y.shape[-2:]
    across, down = HALVED[subsampling]
    shown = (y * 255).round()
    guess = _first_guess(y, tables, subsampling)
    for push in (*PUSHES, None):
        found = Coefficients((guess[0].double(), guess[1].double(), guess[2].double()), height, width)
        missing = shown - decode(found, tables, subsampling).to(y.dtype)
        wrong = (missing.abs() > slack).any(1, keepdim=True)
        if push is None or not wrong.any():
            break
        full = jpeg_planes.synthesize(guess, height, width, tables, subsampling)
        beyond = ((y >= 1) & (full > 1)) | ((y <= 0) & (full < 0))
        changes = _seen(torch.where(beyond, 0, missing / 255), guess, tables, subsampling)
        guess = [part + (change * push).round_() for part, change in zip(guess, changes, strict=True)]
    blocks = functional.max_pool2d(wrong.float(), (8 * down, 8 * across), ceil_mode=True)
    return found, blocks[:, 0] > 0
