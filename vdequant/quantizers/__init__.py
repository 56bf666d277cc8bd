"""What was lost, as functions: each quantizer maps a fine picture to the stored one and knows the cells in between.

A quantizer promises ``quantize(quantize(x)) == quantize(x)``, that a stored value lies in its own cell, and that
``project`` moves any picture into the cells and leaves a picture that is already inside alone. To add one, write a
class with the methods of :class:`~vdequant.quantizers.base.Quantizer` in a file of its own and add its line below.
"""

from __future__ import annotations

# name -> "module:Class", imported on use
QUANTIZERS: dict[str, str] = {
    "uniform": "vdequant.quantizers.uniform:UniformQuantizer",
    "palette": "vdequant.quantizers.palette:PaletteQuantizer",
    "tolerance": "vdequant.quantizers.tolerance:ToleranceQuantizer",
}
