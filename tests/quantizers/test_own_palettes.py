"""GIFs with local palettes: each frame has its own, parts of frames have none; one for all is told apart."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from gifs import as_gif
from make import grained
from PIL import Image

from vdequant.frame_work import Recipe, restore_native
from vdequant.frames import Layout
from vdequant.media.source import open_source
from vdequant.pipeline import restore
from vdequant.planning import analyse
from vdequant.quantizers.own_palettes import OwnPalettes, have_own_palettes
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.restorers.deband import Deband
from vdequant.reusing import grain_of
from vdequant.schedule.device import choose_engine
from vdequant.settings import Settings

OWN = OwnPalettes()
LAYOUT = Layout(96, 96, "rgb", 16)


def scenes(count: int = 4) -> list[torch.Tensor]:
    """Pictures ``(3, 96, 96)`` that differ."""
    return [torch.from_numpy(grained(seed, 96)).permute(2, 0, 1) / 255 for seed in range(count)]


def gif(path: Path, colors: int, *, local: bool) -> Path:
    """A GIF of four frames by Pillow, with a palette for each or one for all."""
    pictures = [Image.fromarray((scene * 255).byte().permute(1, 2, 0).numpy()) for scene in scenes()]
    first = pictures[0].quantize(colors, dither=Image.Dither.NONE)
    cut = [picture.quantize(colors) if local else picture.quantize(palette=first) for picture in pictures]
    cut[0].save(path, save_all=True, append_images=cut[1:], duration=40, disposal=0)
    return path


def test_the_palette_is_that_of_the_picture() -> None:
    y = torch.stack([as_gif(scene, 16, "none") for scene in scenes(2)])
    for one in y.split(1):
        known = PaletteQuantizer(torch.unique(one[0].flatten(1).T, dim=0)).cells(one)
        cells = OWN.cells(one)
        for name in ("low", "high", "stored"):
            assert torch.equal(getattr(cells, name), getattr(known, name))
    assert torch.equal(OWN.cells(y).low, torch.cat([OWN.cells(one).low for one in y.split(1)]))
    assert torch.equal(OWN.quantize(y), y)


def test_tiles_know_the_colors_of_the_whole_picture() -> None:
    y = as_gif(scenes(1)[0], 16, "none")[None]
    whole = restore_native(Recipe(Deband(), OWN, LAYOUT), y)
    tiled = restore_native(Recipe(Deband(), OWN, LAYOUT, tile=48), y)
    stated = restore_native(Recipe(Deband(), OWN.of(y), LAYOUT), y)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-5)
    assert torch.equal(whole, stated)
    assert grain_of(Recipe(Deband(), OWN, LAYOUT)) is None


@pytest.mark.parametrize("colors", [16, 64])
@pytest.mark.parametrize("dither", ["none", "floyd_steinberg"])
def test_palettes_of_single_pictures_are_told_from_one_for_all(colors: int, dither: str) -> None:
    each = [as_gif(scene, colors, dither) for scene in scenes()]
    assert have_own_palettes(each, dithered=dither != "none")
    together = torch.cat(scenes(), dim=-1)
    of_all = list(as_gif(together, colors, dither).split(96, dim=-1))
    assert not have_own_palettes(of_all, dithered=dither != "none")


def test_a_palette_that_fades_is_nobodys_own() -> None:
    drawn = as_gif(scenes(1)[0], 16, "none")
    faded = [(drawn * 255 * share).round() / 255 for share in (1.0, 0.9, 0.8, 0.7)]
    thirteen = [torch.where(picture == picture.flatten(1).amin(), faded[0][:, :1, :1], picture) for picture in faded]
    assert not have_own_palettes(faded[:1], dithered=False)
    assert not have_own_palettes([scene.round() for scene in scenes()], dithered=False)
    assert not have_own_palettes([picture[:, :4, :4] for picture in thirteen], dithered=False)


def test_a_gif_with_local_palettes_is_found_and_restored(tmp_path: Path) -> None:
    found = {}
    for local in (True, False):
        path = gif(tmp_path / f"{local}.gif", 32, local=local)
        with open_source(str(path), Settings()) as source:
            found[local] = analyse(source, Settings(), choose_engine("cpu"))
    assert isinstance(found[True].quantizer, OwnPalettes)
    assert isinstance(found[False].quantizer, PaletteQuantizer)
    assert found[True].temporal == "flow"
    done = restore(str(tmp_path / "True.gif"), str(tmp_path / "out.mkv"), Settings(temporal="off", lossless=True))
    assert done.frames == 4
    assert done.certificate is not None
    assert done.certificate > 0.99
