"""The probe's answer about what was lost, as values and as a few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from torch import Tensor

from vdequant.frames import Matrix
from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.grid import Grid
from vdequant.quantizers.jpeg_placing import Placing
from vdequant.quantizers.recovering import Recovery
from vdequant.quantizers.tiling import drawn_from_tiles

Kind = Literal["lattice", "palette", "lossy", "jpeg", "fine"]
MATRIX_NAMES = {
    Matrix.BT709: "BT.709",
    Matrix.SMPTE170M: "BT.601",
    Matrix.BT470BG: "BT.601",
    Matrix.BT2020_NCL: "BT.2020",
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found in the sampled pictures.

    Attributes:
        quantizer: with the cells to restore into.
        kind: see :mod:`vdequant.quantizers.estimate`; "jpeg" comes from the file's header or a picture's traces of it.
        grid: of native pixels and borders, None when every stored pixel is a native one or nothing is certain.
        lossless: the samples are exactly what the quantizer made.
        tolerance: how far a lossy codec has moved the samples, in [0, 1] units; 0 when lossless.
        placing: where the blocks of a JPEG lie in its pictures, None where they begin in the corner.
        recovery: the clean colors behind a lossy codec, and how to snap to them; None when lossless or untold.
        matrix: what an untagged YUV source was most likely made with; None to keep what was assumed.
        lattice: names of the levels of R, G, B; "" when there is no lattice.
        palette: name of the machine palette that all colors are of, or "".
        dithered: clearly error-diffused, or shaded with the pattern of a machine.
        gray: levels or a palette of grays alone, in all sampled pictures: what lies behind them is gray as well.
        drawn: made of repeated tiles: the colors are the artist's, and no finer picture lies behind them.
        colors: distinct colors over all pictures, clean ones where they were recovered; 0 when there are too many.
        levels: of R, G, B: of the lattice, or distinct 8-bit values seen.
        description: a line for the plan.
    """

    quantizer: Quantizer
    kind: Kind
    grid: Grid | None = None
    lossless: bool
    tolerance: float = 0.0
    placing: Placing | None = None
    recovery: Recovery | None = None
    matrix: Matrix | None = None
    lattice: str = ""
    palette: str = ""
    dithered: bool = False
    gray: bool = False
    drawn: bool = False
    colors: int
    levels: tuple[int, int, int]
    description: str

    @property
    def native_scale(self) -> tuple[Fraction, Fraction]:
        """Nearest-neighbor enlargement across and down, (1, 1) when there is none."""
        return (Fraction(1), Fraction(1)) if self.grid is None else self.grid.scale


def in_words(names: Sequence[str]) -> str:
    """The names of three channels' levels: once when they are alike."""
    return f"{names[0]} per channel" if len(set(names)) == 1 else f"{' / '.join(names)} in R / G / B"


def finished(finding: Finding, native: Sequence[Tensor]) -> Finding:
    """With whether it was drawn, seen in pictures ``(3, H, W)`` at native size, and with the last of its words."""
    known = finding.kind in ("lattice", "palette")
    # Flat colors that stand out behind a codec were drawn: a picture cut to a palette is a cloud of them.
    flat = finding.kind == "palette" and finding.recovery is not None
    drawn = known and not finding.dithered and (flat or drawn_from_tiles(native))
    words = [finding.description]
    if drawn:
        words.append("drawn" if flat else "drawn from tiles")
    if finding.dithered:
        words.append("dithered")
    if finding.grid is not None:
        words.append(finding.grid.describe())
    if finding.matrix is not None:
        words.append(f"made with {MATRIX_NAMES.get(finding.matrix, finding.matrix.name)}")
    return replace(finding, drawn=drawn, description=", ".join(words))
