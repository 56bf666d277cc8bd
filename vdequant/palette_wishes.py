"""What is asked of a palette transfer, and the mappings that follow from it: one for each shot of the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vdequant.checks import check_choice, check_fraction
from vdequant.edits import METHODS, PALETTE_FAST, choose_texture
from vdequant.edits.mapping import PaletteMapping, apply_changes, from_json, parse_change, to_json
from vdequant.edits.matching import match_palettes
from vdequant.errors import InputError, UsageError
from vdequant.media.contracts import Source
from vdequant.media.targets import explain, part_path, publish
from vdequant.palette_targets import Target, distinct_colors, read_target, shares_of
from vdequant.quantizers.palettes_from import palette_from
from vdequant.shots import for_each_shot

COLORS, MOST_COLORS = 16, 256  # by default, and at most: median cut makes no more


@dataclass(frozen=True, slots=True, kw_only=True)
class PaletteWish:
    """What is asked for.

    Attributes:
        origin: the words of ``--from``, see :func:`~vdequant.palette_targets.read_target`; "" leaves the palette.
        colors: of both palettes; 0: 16, or fewer where there are fewer.
        method: of METHODS. texture: of TEXTURES, "" for the one that suits the restorer.
        fidelity: share of the way that the result is moved into the cells of its palette; None: that of the settings,
            and 0, as published, for what a diffusion model draws.
        changes: "#aa0000=#00aa00", from and to, applied after everything else.
        mapping: file to take the mapping from; save_mapping: file to write it to.
    """

    origin: str = ""
    colors: int = 0
    method: str = METHODS[0]
    texture: str = ""
    fidelity: float | None = None
    changes: tuple[str, ...] = ()
    mapping: str = ""
    save_mapping: str = ""

    def __post_init__(self) -> None:
        check_choice(self.method, METHODS, "--method")
        choose_texture(self.texture, "auto", PALETTE_FAST)
        check_fraction(1.0 if self.fidelity is None else self.fidelity, "--fidelity")
        for text in self.changes:
            parse_change(text)
        if not 0 <= self.colors <= MOST_COLORS:
            raise UsageError(f"expected --colors between 1 and {MOST_COLORS}, got {self.colors}")
        if self.mapping and (self.origin or self.colors):
            raise UsageError("expected --mapping, or --from and --colors, got both; the file holds the colors")
        if not (self.mapping or self.origin or self.changes):
            raise UsageError('expected --from PALETTE, --mapping FILE or --map "#rrggbb=#rrggbb", got none of them')


def _target(wish: PaletteWish) -> Target | None:
    """The palette to transfer, None where the picture keeps its own."""
    if not wish.origin:
        return None
    target = read_target(wish.origin, wish.colors or COLORS)
    if wish.colors > target.available:
        raise UsageError(
            f"expected --colors of at most {target.available}, as --from {wish.origin} has, got {wish.colors}"
        )
    return target


class _Matcher:
    """Makes the mapping of a shot; remembers the most colors that any of them had."""

    def __init__(self, wish: PaletteWish, target: Target | None) -> None:
        self.wish, self.target = wish, target
        self.colors = min(wish.colors or COLORS, len(target.colors) if target else MOST_COLORS)
        self.most = 0

    def __call__(self, frame: int, pictures: list[Tensor]) -> PaletteMapping:
        every = torch.cat(pictures, dim=2)
        rows = every[:, 0].T.contiguous()
        source = palette_from([every], self.colors)
        shares = shares_of(source, rows)
        self.most = max(self.most, distinct_colors(rows))
        target = source
        if self.target is not None:
            places = match_palettes(source, shares, self.target.colors, self.target.shares, self.wish.method)
            target = self.target.colors[places]
        return PaletteMapping(source, target, shares, frame)

    def check(self, name: str) -> None:
        """Raise :class:`UsageError` when more colors were asked for than there are."""
        if self.wish.colors > self.most:
            raise UsageError(f"expected --colors of at most {self.most}, as {name} has, got {self.wish.colors}")


def find_mappings(source: Source, input: str, wish: PaletteWish) -> list[PaletteMapping]:
    """What becomes of each color, shot by shot; reads ``source`` unless the mapping comes from a file.

    Raises:
        InputError: a file cannot be read, or ``input`` has no pictures.
        UsageError: the wish does not fit the pictures.
    """
    if wish.mapping:
        try:
            text = Path(wish.mapping).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read the mapping {wish.mapping}: {error}") from error
        return apply_changes(from_json(text, wish.mapping), wish.changes)
    matcher = _Matcher(wish, _target(wish))
    made = for_each_shot(source, matcher, still=source.info.kind == "image", name=input)
    matcher.check(input)
    return apply_changes(made, wish.changes)


def save_mappings(mappings: Sequence[PaletteMapping], path: str) -> None:
    """Write the mapping file beside its name and rename it; raise :class:`OutputError` where that fails."""
    part = part_path(path)
    try:
        part.write_text(to_json(mappings), encoding="utf-8")
    except OSError as error:
        part.unlink(missing_ok=True)
        raise explain(error, path) from error
    publish(part, path)
