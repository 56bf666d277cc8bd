"""What the header of a lossy WebP adds to the finding: how coarse VP8's steps are, in terms of the JPEG next to it.

VP8 codes the residual of a prediction in blocks of 4x4, so its cells depend on everything decoded before. The boxes of
a JPEG that loses about as much are a good stand-in, and the network for JPEG knows what such steps take away.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from vdequant.quantizers.finding import Finding
from vdequant.quantizers.jpeg import NAMES, JpegQuantizer

# VP8's quantizer index -> quality of the JPEG by whose boxes the most is gained, at no loss on any of eight pictures
# (four of Kodak's, four of games, 160x160, cwebp's quality 100, 90, 75, 50, 20 and 5; the means are 1.2 to 1.9 dB).
LIKE_JPEG = ((0, 98), (5, 98), (10, 97), (29, 90), (43, 75), (67, 52), (95, 30), (127, 20))


class LikeJpeg(JpegQuantizer):
    """JPEG in the place of a codec with about the same steps."""

    def describe(self) -> str:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return f"what VP8 leaves, taken for a JPEG of quality {self.quality}, chroma {NAMES[self.subsampling]}"


def like_jpeg(index: float) -> int:
    """Quality of that JPEG, 20 to 98.

    Args:
        index: of VP8's quantizer, 0 (finest) to 127.
    """
    for (low, finer), (high, coarser) in pairwise(LIKE_JPEG):
        if index <= high:
            return round(finer + (coarser - finer) * max(0.0, index - low) / (high - low))
    return LIKE_JPEG[-1][1]


def with_step(finding: Finding, index: float | None) -> Finding:
    """The finding with such cells, where no more than the codec was found: no native pixels, no clean colors.

    Args:
        finding: about the decoded picture.
        index: None when it is no lossy WebP.
    """
    if index is None or finding.kind != "lossy" or finding.recovery is not None:
        return finding
    if finding.grid is not None and finding.grid.enlarged:
        return finding
    return replace(
        finding,
        quantizer=LikeJpeg(like_jpeg(index)),
        grid=None,
        tolerance=0.0,
        description=f"a lossy codec (VP8 with quantizer {index:.0f} of 127), color at half the size",
    )
