"""What a diffusion model is asked for each column of the diffusion tables, and what its answer is compared with.

    figure-3  quantized pictures, no texture          against the truth
    figure-4  quantized pictures with their texture   against the truth, and against the asked palette
    table-1   in the most similar colors of another picture, texture on and off    against the asked palette
    table-2   in its most dissimilar colors (negative-color)
    table-3   a patch in its mean color               against the truth
    table-4   a patch in a random color               against the asked palette, 16 colors
    figure-9  colors moved in HSV after quantizing    against the moved truth

They are the figures and tables of Vavilala, Shaik and Forsyth, *Dequantization and Color Transfer with Diffusion
Models*. All quantizing is Pillow's median cut, as theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from vdequant.edits.mapping import PaletteMapping
from vdequant.edits.matching import match_palettes
from vdequant.evaluation.degradations import Stored, parse_degradation, to_tensor
from vdequant.evaluation.diffusion_augment import augmented, random_direction
from vdequant.evaluation.diffusion_scenes import Scene
from vdequant.models.conditioning import FINEST, planes_of, texture_of
from vdequant.palette_targets import shares_of
from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.palettes_from import palette_from
from vdequant.training.diffusion_pairs import random_patch

SIZES = (4, 8, 16, 32, 64, 128)  # colors of figures 3 and 4
TRANSFERRED = (8, 32)  # colors of tables 1 and 2, and of figure 9
REPAINTED = 16  # colors with which table 4 measures
MAGNITUDES = (0.0, 0.3, 0.6, 0.9)  # of figure 9
PATCH, COLOR, DIRECTION = range(3)  # what a scene's chance is for

DRAWN, PROJECTED = "diffusion, as published", "diffusion, projected"  # figure 3's rows of the model
NOTHING = "nothing"
TABLES = ("figure-3", "figure-4", "table-1", "table-2", "table-3", "table-4", "figure-9")


@dataclass(frozen=True)
class Question:
    """One picture that is asked for.

    Attributes:
        colors: ``(1, 3, S, S)`` in [0, 1]: planes 1 to 3 of the condition.
        fineness: plane 4, or what broadcasts to it.
        source: ``(1, 3, S, S)``: the picture whose texture is told, and whose luma "L-post" puts back.
        textured: the texture is told; with a patch this is about the patch alone, around it it always is.
        patch: ``(1, 1, S, S)``, 1 where the picture is repainted.
        truth: what the answer is compared with; None where there is no truth.
        palette: colors of the palette error; 0: it is not measured.
        quantizer: in whose cells projected answers lie.
        stored: what restorers and peers are given, where they have a row.
    """

    colors: Tensor
    fineness: Tensor
    source: Tensor
    textured: bool = False
    patch: Tensor | None = None
    truth: Tensor | None = None
    palette: int = 0
    quantizer: Quantizer | None = None
    stored: Stored | None = None

    def planes(self, kind: str) -> Tensor:
        """The seven planes for an encoder of texture "L", "G" or "T"."""
        if self.patch is not None:
            known = None if self.textured else 1 - self.patch
            return planes_of(self.colors, self.fineness, texture_of(self.source, kind), known)
        texture = texture_of(self.source, kind) if self.textured else None
        return planes_of(self.colors, self.fineness, texture)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        table: of TABLES.
        name: of the column in it.
        rows: that the model has in it.
        ask: makes the question for a picture.
        loss: of ``vdequant evaluate --quantizer``, where restorers and peers have rows too.
    """

    table: str
    name: str
    rows: tuple[str, ...]
    ask: Callable[[Scene], Question]
    loss: str = ""


def _fineness(colors: int) -> Tensor:
    return torch.tensor(colors / FINEST)


def _dequantized(scene: Scene, *, colors: int, textured: bool) -> Question:
    """Figures 3 and 4."""
    stored = parse_degradation(f"palette:{colors}").apply(scene.truth)
    truth = to_tensor(scene.truth)
    return Question(
        stored.tensor(),
        _fineness(colors),
        truth,
        textured=textured,
        truth=truth,
        palette=colors if textured else 0,
        quantizer=stored.quantizer,
        stored=stored,
    )


def _mapping(x: Tensor, other: Tensor, colors: int, method: str) -> PaletteMapping:
    """From the palette of ``x`` to that of another picture; both have as many colors as the one that has fewer."""
    target = palette_from([other[0]], colors)
    source = palette_from([x[0]], len(target))
    shares = [
        shares_of(palette, picture[0].flatten(1).T.contiguous()) for palette, picture in ((source, x), (target, other))
    ]
    partners = match_palettes(source, shares[0], target, shares[1], method)
    return PaletteMapping(source, target[partners], shares[0])


def _transferred(scene: Scene, *, colors: int, method: str, textured: bool) -> Question:
    """Tables 1 and 2."""
    x = to_tensor(scene.truth)
    mapping = _mapping(x, to_tensor(scene.partner), colors, method)
    return Question(
        mapping.quantized(x),
        _fineness(colors),
        x,
        textured=textured,
        palette=colors,
        quantizer=PaletteQuantizer(mapping.target),
    )


def patch_of(scene: Scene) -> Tensor:
    """The patch ``(1, 1, S, S)`` that tables 3 and 4 repaint: 1 inside, 0 outside."""
    side = scene.truth.shape[1]
    return torch.from_numpy(random_patch(scene.rng(PATCH), side))[None, None].float()


def _repainted(scene: Scene, *, mean: bool, textured: bool) -> Question:
    """Tables 3 (``mean``) and 4."""
    x, patch = to_tensor(scene.truth), patch_of(scene)
    if mean:
        color = (x * patch).sum((2, 3), keepdim=True) / patch.sum()
    else:
        color = torch.from_numpy(scene.rng(COLOR).integers(0, 256, 3)).float().view(1, 3, 1, 1) / 255
    colors = torch.where(patch > 0, color, x)
    fineness = torch.where(patch > 0, 1 / FINEST, 1.0)
    truth, palette = (x, 0) if mean else (None, REPAINTED)
    return Question(colors, fineness, x, textured=textured, patch=patch, truth=truth, palette=palette)


def _moved(scene: Scene, *, colors: int, magnitude: float, textured: bool) -> Question:
    """Figure 9: the augmented quantized picture, the texture of the source, against the augmented source."""
    x = to_tensor(scene.truth)
    stored = parse_degradation(f"palette:{colors}").apply(scene.truth).tensor()
    direction = random_direction(scene.rng(DIRECTION))
    return Question(
        augmented(stored, direction, magnitude),
        _fineness(colors),
        x,
        textured=textured,
        truth=augmented(x, direction, magnitude),
    )


def _word(textured: bool) -> str:
    return "on" if textured else "off"


def _figures() -> list[Column]:
    found = []
    for colors in SIZES:
        ask = partial(_dequantized, colors=colors, textured=False)
        found.append(Column("figure-3", f"N={colors}", (DRAWN, PROJECTED), ask, f"palette:{colors}"))
    for colors in SIZES:
        ask = partial(_dequantized, colors=colors, textured=True)
        found.append(Column("figure-4", f"N={colors}", ("L", "L-post", "G", "T"), ask))
    return found


def _transfers() -> list[Column]:
    found = []
    for table, method in (("table-1", "color"), ("table-2", "negative-color")):
        for textured in (True, False):
            rows = ("T", "G", "L", "L-post", *(("T, projected",) if textured else ()))
            for colors in TRANSFERRED:
                ask = partial(_transferred, colors=colors, method=method, textured=textured)
                found.append(Column(table, f"{_word(textured)}, {colors} colors", rows, ask))
    return found


def _inpaintings() -> list[Column]:
    found = []
    for table, kept in (("table-3", "L"), ("table-4", "T")):
        rows = (*((NOTHING,) if table == "table-3" else ()), "T", "G", "L", "L-post", f"{kept}, outside kept")
        for textured in (True, False):
            ask = partial(_repainted, mean=table == "table-3", textured=textured)
            found.append(Column(table, _word(textured), rows, ask))
    return found


def _robustness() -> list[Column]:
    found = []
    for colors in TRANSFERRED:
        for textured in (True, False):
            rows = ("T",) if textured else (NOTHING, "T")
            for magnitude in MAGNITUDES:
                ask = partial(_moved, colors=colors, magnitude=magnitude, textured=textured)
                found.append(Column("figure-9", f"{_word(textured)}, N={colors}, {magnitude:g}", rows, ask))
    return found


def columns_of(tables: Sequence[str] = TABLES) -> list[Column]:
    """All columns of some tables, in the order of TABLES."""
    every = [*_figures(), *_transfers(), *_inpaintings(), *_robustness()]
    return [column for column in every if column.table in tables]
