"""Edits for artists, built on quantizing and restoring: another palette for a picture, another color for a part of it.

*diffusion* (Vavilala, Shaik, Forsyth) edits the quantized picture, where a color is one number, and lets a dequantizer
make it natural again. That dequantizer is either any restorer of ``vdequant.restorers.RESTORERS``, which is fast, or,
as published, a diffusion model that is also told the source's texture (``drawing.py``). Everything works on tensors in
memory; files and video are the business of ``repaletting.py`` and ``recoloring.py`` beside this folder.

To add a way of matching palettes or of keeping texture, add its name below and its line in ``matching.py``,
``palette_transfer.py``, ``recolor.py`` or ``drawing.py``.
"""

from __future__ import annotations

from vdequant.errors import UsageError

# How a source palette finds its partners: the most similar colors, or the most dissimilar ones (*diffusion*, section 3)
METHODS = ("color", "negative-color")

# What of the source's texture comes along: where its luma is steep, the slopes of its luma, its luma; its luma, put
# back over the colors in the end; nothing.
TEXTURES = ("T", "G", "L", "L-post", "off")
# Those that need no diffusion model. What it takes instead: in another palette all that lies between the colors of the
# source's own palette ("L"), or a restorer ("L-post", "off"); in a recolored part its variations of luma, or nothing.
PALETTE_FAST = ("L", "L-post", "off")
RECOLOR_FAST = ("L", "off")
DIFFUSION = "diffusion"  # the restorer
# Where none is named, without a diffusion model and with one: of ten pictures G looked most natural, and nearest to the
# colors that were asked for where these are far from the source's, which L cannot reach; T adds little to "off".
TEXTURE, DRAWN_TEXTURE = "L", "G"


def choose_texture(texture: str, restorer: str, fast: tuple[str, ...]) -> tuple[str, bool]:
    """The texture that is meant, and whether a diffusion model draws the edit.

    Args:
        texture: of TEXTURES, "" for the one that suits.
        restorer: of ``--restorer``: "auto", "diffusion" or another one.
        fast: the textures that need no diffusion model.

    Raises:
        UsageError: the texture is unknown, or the restorer cannot be told it.
    """
    drawn = restorer == DIFFUSION
    texture = texture or (DRAWN_TEXTURE if drawn else TEXTURE)
    if texture not in TEXTURES:
        raise UsageError(f"expected --texture as one of {', '.join(TEXTURES)}, got {texture!r}")
    if texture in fast or drawn:
        return texture, drawn
    if restorer != "auto":
        raise UsageError(
            f"expected --restorer {DIFFUSION} for --texture {texture}, got {restorer}, which can only be told "
            f"{', '.join(fast)}"
        )
    return texture, True
