from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from make import clip, grained
from PIL import Image

from vdequant.color import to_rgb
from vdequant.edits import PALETTE_FAST
from vdequant.edits.mapping import as_tensor, from_json, parse_color
from vdequant.errors import InputError, OutputError, UsageError
from vdequant.frames import Frame
from vdequant.media.source import open_source
from vdequant.observing import Silent
from vdequant.palette_wishes import PaletteWish
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.repaletting import transfer_palette
from vdequant.settings import Settings

SETTINGS = Settings(restorer="deband", workers=1, device="cpu")
WARM = "#201008,#603018,#b06030,#f0d0a0,#fff8e0"


@pytest.fixture
def picture(tmp_path: Path) -> str:
    Image.fromarray(grained(3)).save(tmp_path / "in.png")
    return str(tmp_path / "in.png")


def pictures(path: Path | str) -> list[torch.Tensor]:
    with open_source(str(path), Settings()) as source:
        return [to_rgb(item.planes, item.layout)[None] for item in source if isinstance(item, Frame)]


def two_shots(path: Path) -> Path:
    """Six frames of a grained picture, then six of a light one; the lower left corner is the same in all of them."""
    dark, light = grained(1) // 3, 255 - grained(2) // 3
    codes = [np.roll(dark, i, 1) for i in range(6)] + [np.roll(light, i, 1) for i in range(6)]
    for one in codes:
        one[-8:, :8] = (90, 20, 20)
    path.mkdir()
    for i, one in enumerate(codes):
        Image.fromarray(one).save(path / f"f{i:02}.png")
    return path


@pytest.mark.parametrize("texture", PALETTE_FAST)
def test_a_picture_takes_the_palette_that_it_is_given(picture: str, tmp_path: Path, texture: str) -> None:
    summary = transfer_palette(picture, str(tmp_path / "out.png"), PaletteWish(origin=WARM, texture=texture), SETTINGS)
    (made,) = pictures(tmp_path / "out.png")
    assert (summary.frames, summary.colors, summary.shots) == (1, 5, 1)
    assert summary.restorer == ("" if texture == "L" else "deband")
    assert (summary.certificate == 1) == (texture != "L-post")
    assert summary.palette_psnr is None or summary.palette_psnr > 5
    assert summary.palette_ssim is not None
    assert made.shape == (1, 3, 48, 48)


def test_every_written_pixel_is_nearest_to_the_color_that_was_asked_for(picture: str, tmp_path: Path) -> None:
    wish = PaletteWish(origin=WARM, save_mapping=str(tmp_path / "m.json"))
    transfer_palette(picture, str(tmp_path / "out.png"), wish, SETTINGS)
    (mapping,) = from_json((tmp_path / "m.json").read_text(), "m.json")
    stored = mapping.quantized(pictures(picture)[0])
    again = PaletteQuantizer(mapping.target).quantize(pictures(tmp_path / "out.png")[0])
    assert torch.equal(again, stored)


def test_an_edited_mapping_file_is_obeyed(picture: str, tmp_path: Path) -> None:
    saved, out = tmp_path / "m.json", tmp_path / "out.png"
    transfer_palette(picture, str(out), PaletteWish(origin=WARM, save_mapping=str(saved)), SETTINGS)
    content = json.loads(saved.read_text())
    for row in content["shots"][0]["map"]:
        row["to"] = "#00ff00"
    saved.write_text(json.dumps(content))
    wish = PaletteWish(mapping=str(saved), texture="off")
    transfer_palette(picture, str(out), wish, replace(SETTINGS, overwrite=True, restorer="identity"))
    assert torch.equal(pictures(out)[0], as_tensor([(0, 255, 0)]).view(1, 3, 1, 1).expand(1, 3, 48, 48))


def test_a_change_alone_leaves_the_other_colors(tmp_path: Path) -> None:
    codes = np.zeros((16, 16, 3), np.uint8)
    codes[:, 8:] = (200, 40, 40)
    Image.fromarray(codes).save(tmp_path / "in.png")
    wish = PaletteWish(changes=("#c82828=#2828c8",), texture="off")
    transfer_palette(str(tmp_path / "in.png"), str(tmp_path / "out.png"), wish, replace(SETTINGS, restorer="identity"))
    (made,) = pictures(tmp_path / "out.png")
    assert torch.equal(made[..., :8], torch.zeros(1, 3, 16, 8))
    assert torch.allclose(made[0, :, 0, 12], as_tensor([parse_color("#2828c8")])[0], atol=1e-4)


def test_the_mapping_is_locked_over_a_shot(tmp_path: Path) -> None:
    wish = PaletteWish(origin=WARM, colors=4, save_mapping=str(tmp_path / "m.json"))
    summary = transfer_palette(str(two_shots(tmp_path / "in")), str(tmp_path / "out"), wish, SETTINGS)
    mappings = from_json((tmp_path / "m.json").read_text(), "m.json")
    assert summary.shots == 2
    assert [mapping.frame for mapping in mappings] == [0, 6]
    corners = [made[..., -6:, :6] for made in pictures(tmp_path / "out")]
    assert all(torch.equal(corner, corners[0]) for corner in corners[:6])
    assert all(torch.equal(corner, corners[6]) for corner in corners[6:])


def test_equal_frames_of_two_shots_take_the_mapping_of_each(tmp_path: Path) -> None:
    folder, saved = two_shots(tmp_path / "in"), tmp_path / "m.json"
    black = {"from": "#000000", "to": "#ff0000"}
    shots = [{"frame": 0, "map": [black]}, {"frame": 1, "map": [{**black, "to": "#0000ff"}]}]
    saved.write_text(json.dumps({"vdequant": "palette mapping", "version": 1, "shots": shots}))
    for i in range(12):
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(folder / f"f{i:02}.png")
    wish = PaletteWish(mapping=str(saved), texture="off")
    transfer_palette(str(folder), str(tmp_path / "out"), wish, SETTINGS)
    first, second, *_ = pictures(tmp_path / "out")
    assert float(first[0, 0].mean()) > 0.9
    assert float(second[0, 2].mean()) > 0.9


def test_video_keeps_its_times_and_its_sound(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    clip(source, size=(32, 48), pts=[0, 17, 40, 50], count=4, audio="flac")
    settings = replace(SETTINGS, lossless=True)
    summary = transfer_palette(str(source), str(tmp_path / "out.mkv"), PaletteWish(origin=WARM), settings)
    assert summary.frames == 4
    with open_source(str(tmp_path / "out.mkv"), Settings()) as made:
        assert made.info.audio == 1
        assert [item.pts for item in made if isinstance(item, Frame)] == [0, 17, 40, 50]


def test_small_and_gray_pictures_are_taken(tmp_path: Path) -> None:
    Image.fromarray(np.arange(80, dtype=np.uint8).reshape(8, 10) * 3).save(tmp_path / "in.png")
    summary = transfer_palette(str(tmp_path / "in.png"), str(tmp_path / "out.png"), PaletteWish(origin=WARM), SETTINGS)
    assert summary.palette_ssim is None
    assert pictures(tmp_path / "out.png")[0].shape == (1, 3, 8, 10)
    assert not math.isinf(summary.palette_psnr or 0)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({}, "got none of them"),
        ({"origin": WARM, "method": "hue"}, "negative-color"),
        ({"origin": WARM, "texture": "rough"}, "T, G, L, L-post, off"),
        ({"origin": WARM, "colors": 300}, "between 1 and 256"),
        ({"origin": WARM, "fidelity": 1.5}, "--fidelity between 0 and 1"),
        ({"origin": WARM, "mapping": "m.json"}, "got both"),
        ({"changes": ("red=blue",)}, "#rrggbb"),
    ],
)
def test_wishes_that_make_no_sense_are_refused_at_once(wish: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        PaletteWish(**wish)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wish", "error", "words"),
    [
        (PaletteWish(origin=WARM, colors=6), UsageError, "at most 5, as --from"),
        (PaletteWish(origin="in.png", colors=200), UsageError, "at most 16, as --from in.png has"),
        (PaletteWish(origin="none.gpl"), InputError, "none.gpl"),
        (PaletteWish(mapping="none.json"), InputError, "none.json"),
        (PaletteWish(changes=("#00ff00=#ff0000",), colors=2), UsageError, "none near"),
        (PaletteWish(origin=WARM, save_mapping="there.json"), OutputError, "there.json exists"),
        (PaletteWish(origin=WARM, save_mapping="out.png"), UsageError, "two names"),
    ],
)
def test_wishes_that_do_not_fit_the_files_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wish: PaletteWish, error: type[Exception], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    codes = np.zeros((16, 16, 3), np.uint8)
    codes[8:] = np.arange(16)[:, None]
    Image.fromarray(codes).save("in.png")
    Path("there.json").write_text("")
    with pytest.raises(error, match=words):
        transfer_palette("in.png", "out.png", wish, SETTINGS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.png", "there.json"]


def test_more_colors_than_the_picture_has_are_refused(tmp_path: Path) -> None:
    Image.fromarray(grained(1)).save(tmp_path / "rich.png")
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "in.png")
    wish = PaletteWish(origin=str(tmp_path / "rich.png"), colors=16)
    with pytest.raises(UsageError, match=r"at most 1, as .*in\.png has, got 16"):
        transfer_palette(str(tmp_path / "in.png"), str(tmp_path / "out.png"), wish, SETTINGS)


def test_pipes_are_refused() -> None:
    with pytest.raises(UsageError, match="read twice"):
        transfer_palette("-", "out.png", PaletteWish(origin=WARM), SETTINGS)


def test_a_run_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    class Impatient(Silent):
        def progressed(self, done: int, total: int | None) -> None:
            raise KeyboardInterrupt

    source = tmp_path / "in.mkv"
    clip(source, size=(32, 48))
    wish = PaletteWish(origin=WARM, save_mapping=str(tmp_path / "m.json"))
    with pytest.raises(KeyboardInterrupt):
        transfer_palette(str(source), str(tmp_path / "out.mkv"), wish, replace(SETTINGS, lossless=True), Impatient())
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]
