"""What was lost, as functions: each quantizer maps a fine picture to the stored one and knows the cells in between.

A quantizer promises ``quantize(quantize(x)) == quantize(x)``, that a stored value lies in its own cell, and that
``project`` moves any picture into the cells and leaves a picture that is already inside alone. (JPEG and chroma
subsampling keep this for colors that are not cut at 0 or 1; their classes say what holds beyond.) To add one, write a
class with the methods of :class:`~vdequant.quantizers.base.Quantizer` in a file of its own and add its line below.
"""

from __future__ import annotations

# name -> "module:Class", imported on use
QUANTIZERS: dict[str, str] = {
    "uniform": "vdequant.quantizers.uniform:UniformQuantizer",
    "palette": "vdequant.quantizers.palette:PaletteQuantizer",
    "threshold": "vdequant.quantizers.threshold:ThresholdQuantizer",
    "gray": "vdequant.quantizers.threshold:GrayQuantizer",
    "jpeg": "vdequant.quantizers.jpeg:JpegQuantizer",
    "chroma": "vdequant.quantizers.chroma:ChromaQuantizer",
    "tolerance": "vdequant.quantizers.tolerance:ToleranceQuantizer",
    "video": "vdequant.quantizers.video:VideoQuantizer",
    "dither": "vdequant.quantizers.dither:DitherQuantizer",
    "console": "vdequant.quantizers.consoles:ConsoleQuantizer",
}

# What a quantizer can be dithered with, for the command line, which loads nothing else before it runs
DITHER_KINDS = (
    "fs",
    "atkinson",
    "jarvis",
    "stucki",
    "burkes",
    "sierra",
    "sierra-lite",
    "bayer2",
    "bayer4",
    "bayer8",
    "checkerboard",
    "column",
    "bluenoise",
    "playstation",
    "knoll4",
    "knoll8",
)
