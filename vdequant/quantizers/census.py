"""Counting colors: which ones occur in the sampled pictures, exactly and over every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

WHOLE = 0.01  # of an 8-bit code: how near to an integer a sample must be to have been one


@dataclass(frozen=True)
class Census:
    """The colors of some pictures.

    Attributes:
        colors: ``(K, 3)`` float32 in [0, 1], distinct, in ascending order.
        counts: ``(K,)`` pixels of each.
        whole: every sample is an 8-bit RGB code; otherwise the pictures were deeper, or stored as YUV.
        codes: for R, G, B the distinct samples rounded to 8-bit codes, ascending.
    """

    colors: NDArray[np.float32]
    counts: NDArray[np.int64]
    whole: bool
    codes: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]

    @property
    def pixels(self) -> int:
        """Number of pixels counted."""
        return int(self.counts.sum())

    @property
    def gray(self) -> bool:
        """Whether all colors have three equal samples."""
        return bool((np.ptp(self.colors, axis=1) < WHOLE / 255).all())

    def most_frequent(self, count: int) -> Tensor:
        """``(min(count, K), 3)`` colors, the most frequent first."""
        order = np.argsort(-self.counts, kind="stable")[:count]
        return torch.from_numpy(self.colors[order])


def check_pictures(pictures: Sequence[Tensor]) -> None:
    """Raise ``ValueError`` unless there is at least one picture and all are ``(3, H, W)`` floating point."""
    if not pictures:
        raise ValueError("expected at least one picture, got none; sample the source first")
    for picture in pictures:
        if picture.ndim != 3 or picture.shape[0] != 3 or not picture.is_floating_point():
            raise ValueError(f"expected pictures (3, H, W) in [0, 1], got {tuple(picture.shape)} {picture.dtype}")


def _is_whole(picture: Tensor) -> bool:
    scaled = picture * 255
    return bool((scaled - scaled.round()).abs().amax() < WHOLE)


def _packed(picture: Tensor, top: int) -> NDArray[np.int64] | NDArray[np.int32]:
    """One integer a pixel: the three samples as codes ``0..top``, red in the highest bits."""
    kind = torch.int32 if top == 255 else torch.int64
    red, green, blue = (picture * top).round_().clamp_(0, top).to(kind).unbind(0)
    bits = top.bit_length()
    packed = (red << 2 * bits) | (green << bits) | blue
    return packed.flatten().cpu().numpy()


def count_colors(pictures: Sequence[Tensor]) -> Census:
    """Count the colors of ``(3, H, W)`` float pictures in [0, 1], at 8 bits when that is exact, else at 16.

    Raises:
        ValueError: when there is no picture or one has another shape.
    """
    check_pictures(pictures)
    whole = all(_is_whole(picture) for picture in pictures)
    top = 255 if whole else 65535
    found = [np.unique(_packed(picture, top), return_counts=True) for picture in pictures]
    keys, place = np.unique(np.concatenate([key for key, _ in found]), return_inverse=True)
    counts = np.bincount(place.ravel(), weights=np.concatenate([count for _, count in found])).astype(np.int64)
    bits = top.bit_length()
    samples = np.stack([keys >> 2 * bits, (keys >> bits) & top, keys & top], axis=1)
    colors = (samples / np.float64(top)).astype(np.float32)
    rounded = np.rint(colors.astype(np.float64) * 255).astype(np.int64)
    red, green, blue = (np.unique(rounded[:, channel]) for channel in range(3))
    return Census(colors, counts, whole, (red, green, blue))
