"""The native grid: many captures are enlarged by whole numbers, often differently across and down (4x2, 2x1)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import gcd

import torch
from torch import Tensor

LARGEST = 16  # enlargement that is believed
SMALLEST_SIDE = 16  # native pixels
BUSY = 0.5  # share of native columns (rows) at which something must change in some picture
INNER = 0.4  # of the mean step at the borders of native pixels: steps within them are smaller, behind a codec too
FAINTEST = 0.5  # 8-bit codes: mean step at the borders that is needed to tell
STRAY_CODES, STRAY_SHARE = 32.0, 0.01  # luma that far from the rest of its native pixel, and the share of it at most
VERIFIED = 4  # pictures in which that is counted
BLOCKY_FAINTEST, BLOCKY_INNER = 3.0, 0.15  # the same for multiples of 8
FLATTEST = 4  # times as wide as high, or the other way round, that native pixels may be
LONGEST_PERIOD = 32  # stored pixels after which a fractional enlargement repeats: 27 for 6.75
EVIDENT = 0.5  # of the strongest step in a period: stronger ones are borders


def _axis_scale(changes: Tensor) -> int:
    """The enlargement along one axis.

    Args:
        changes: ``(size - 1,)`` boolean: whether samples ``i`` and ``i + 1`` differ anywhere.

    Returns:
        The largest divisor of the size that all changes keep to, or 1 when there are too few of them to tell: a
        picture of large flat areas keeps to many grids by accident.
    """
    size = len(changes) + 1
    places = (changes.nonzero().squeeze(1) + 1).tolist()
    scale = gcd(size, *places)
    if scale > LARGEST or size // scale < SMALLEST_SIDE:
        return 1
    return scale if len(places) >= BUSY * (size // scale - 1) else 1


def native_scale(pictures: Sequence[Tensor]) -> tuple[int, int]:
    """Integer nearest-neighbor enlargement ``(across, down)`` of lossless ``(3, H, W)`` pictures; (1, 1) when unsure.

    Every run of ``across`` equal columns (``down`` equal rows) must hold exactly, in all pictures.
    """
    if len({picture.shape for picture in pictures}) != 1:
        return 1, 1
    across = torch.stack([(p[..., 1:] != p[..., :-1]).flatten(0, 1).any(0) for p in pictures]).any(0)
    down = torch.stack([(p[:, 1:] != p[:, :-1]).any(0).any(-1) for p in pictures]).any(0)
    return _axis_scale(across), _axis_scale(down)


def steps(lumas: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean absolute step between neighboring columns, ``(W - 1,)``, and rows, ``(H - 1,)``, of ``(H, W)`` pictures."""
    floats = [luma.to(torch.float32) for luma in lumas]
    across = torch.stack([(luma[:, 1:] - luma[:, :-1]).abs().mean(0) for luma in floats]).mean(0)
    down = torch.stack([(luma[1:] - luma[:-1]).abs().mean(1) for luma in floats]).mean(0)
    return across, down


def _strays(lumas: Sequence[Tensor], scale: int, dim: int) -> float:
    """Share of samples that are far from the middle of their run of ``scale``."""
    shares = []
    for luma in lumas:
        runs = luma.to(torch.float32).unfold(dim, scale, scale)
        shares.append(float(((runs - runs[..., scale // 2, None]).abs() > STRAY_CODES).float().mean()))
    return sum(shares) / len(shares)


def _blurred_axis(profile: Tensor, lumas: Sequence[Tensor], dim: int) -> int:
    """The largest enlargement of which every phase but the border has small steps only, and hardly any large one."""
    size = len(profile) + 1
    for scale in range(LARGEST, 1, -1):
        if size % scale or size // scale < SMALLEST_SIDE:
            continue
        phases = [float(profile[phase::scale].mean()) for phase in range(scale)]
        # Codecs have blocks of 8 and 16 themselves, whose borders are faint.
        faintest, inner = (FAINTEST, INNER) if scale % 8 else (BLOCKY_FAINTEST, BLOCKY_INNER)
        if phases[-1] > faintest and max(phases[:-1]) < inner * phases[-1] and _strays(lumas, scale, dim) < STRAY_SHARE:
            return scale
    return 1


def blurred_scale(lumas: Sequence[Tensor]) -> tuple[int, int]:
    """The same as :func:`native_scale` for pictures behind a lossy codec.

    Args:
        lumas: ``(H, W)`` in 8-bit codes, of one size.
    """
    across, down = steps(lumas)
    looked_at = lumas[:: -(-len(lumas) // VERIFIED)]
    found = _blurred_axis(across, looked_at, 1), _blurred_axis(down, looked_at, 0)
    return found if max(found) <= FLATTEST * min(found) else (1, 1)


def fractional_scale(profile: Tensor) -> Fraction | None:
    """An enlargement along one axis that is not a whole number, such as 9/2: native pixels alternate in width.

    Args:
        profile: steps along the axis, see :func:`steps`.

    Returns:
        None when there is none, or a whole one.
    """
    for period in range(3, LONGEST_PERIOD + 1):
        if (len(profile) + 1) // period < SMALLEST_SIDE // 4:
            break
        phases = torch.stack([profile[phase::period].mean() for phase in range(period)])
        borders = phases > EVIDENT * phases.max()
        places = borders.nonzero().squeeze(1).tolist()
        count = len(places)
        if not 2 <= count <= period // 2 or float(phases.max()) <= FAINTEST:
            continue
        widths = [(b - a) % period for a, b in zip(places, [*places[1:], places[0]], strict=True)]
        quiet = float(phases[~borders].max()) < INNER * float(phases[borders].min())
        if quiet and max(widths) - min(widths) == 1 and gcd(period, count) == 1:
            return Fraction(period, count)
    return None


def to_native(picture: Tensor, scale: tuple[int, int]) -> Tensor:
    """One sample of each run: ``(..., H, W)`` to ``(..., H / down, W / across)``."""
    across, down = scale
    return picture[..., ::down, ::across]
