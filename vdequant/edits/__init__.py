"""Edits for artists, built on quantizing and restoring: another palette for a picture, another color for a part of it.

*diffusion* (Vavilala, Shaik, Forsyth) edits the quantized picture, where a color is one number, and lets a dequantizer
make it natural again. What is here takes any restorer of ``vdequant.restorers.RESTORERS`` as that dequantizer and never
asks which; the networks that are told cells are fast, and need no texture beside the cells. Everything works on
tensors in memory; files and video are the business of ``repaletting.py`` and ``recoloring.py`` beside this folder.

To add a way of matching palettes or of keeping texture, add its name below and its line in ``matching.py``,
``palette_transfer.py`` or ``recolor.py``.
"""

from __future__ import annotations

# How a source palette finds its partners: the most similar colors, or the most dissimilar ones (*diffusion*, section 3)
METHODS = ("color", "negative-color")

# What of the source's texture comes along into another palette: all that lies between the colors of its own palette;
# its luminance, put back over the palette (the paper's "L-post"); nothing.
TEXTURES = ("L", "L-post", "off")
NEEDS_DIFFUSION = ("T", "G")  # the paper's other textures, conditions that only a diffusion network can be given

# What stays of the luminance inside a recolored part: its variations, or nothing.
RECOLOR_TEXTURES = ("L", "off")
