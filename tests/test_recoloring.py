from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from make import clip, grained
from PIL import Image

from vdequant.edits import RECOLOR_FAST
from vdequant.errors import InputError, OutputError, UsageError
from vdequant.recolor_wishes import RecolorWish, find_weight
from vdequant.recoloring import recolor_picture
from vdequant.settings import Settings


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with in.png (48x48, 8 bits) and mask.png, whose left third is white and whose middle third is gray."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(grained(5)).save("in.png")
    mask = np.zeros((48, 48), np.uint8)
    mask[:, :16], mask[:, 16:32] = 255, 100
    Image.fromarray(mask).save("mask.png")
    return tmp_path


def codes(path: str) -> np.ndarray:
    return np.asarray(cv2.imread(path, cv2.IMREAD_UNCHANGED))[:, :, ::-1]


@pytest.mark.parametrize("texture", RECOLOR_FAST)
def test_outside_the_mask_every_sample_stays_as_it_was_stored(place: Path, texture: str) -> None:
    summary = recolor_picture("in.png", "out.png", RecolorWish(color="#3060c0", mask="mask.png", texture=texture))
    before, after = codes("in.png"), codes("out.png")
    assert after.dtype == np.uint8
    assert np.array_equal(after[:, 32:], before[:, 32:])
    assert not np.array_equal(after[:, :16], before[:, :16])
    assert summary.masked == pytest.approx(2 / 3, abs=1e-4)
    assert summary.color == "#3060c0"
    assert (summary.palette_psnr is None) == (texture == "off")  # the flat color is what the result is compared with
    assert summary.palette_ssim == 1 if texture == "off" else summary.palette_ssim < 1


@pytest.mark.parametrize("kind", ["sixteen bits", "gray", "alpha"])
def test_other_pictures_stay_exact_outside_as_well(place: Path, kind: str) -> None:
    rgb = grained(2)
    stored = {
        "sixteen bits": rgb.astype(np.uint16) * 257 + 3,
        "gray": rgb[:, :, 0],
        "alpha": np.dstack([rgb, rgb[:, :, 1]]),
    }[kind]
    cv2.imwrite("other.png", stored)
    recolor_picture("other.png", "out.png", RecolorWish(color="#3060c0", rect="4,5,20,30"))
    after = np.asarray(cv2.imread("out.png", cv2.IMREAD_UNCHANGED))
    outside = np.ones((48, 48), bool)
    outside[5:35, 4:24] = False
    assert after.dtype == stored.dtype
    assert np.array_equal(after[outside], (np.dstack([stored] * 3) if kind == "gray" else stored)[outside])
    assert not np.array_equal(
        after[10:30, 10:20, :3], (np.dstack([stored] * 3) if kind == "gray" else stored)[10:30, 10:20, :3]
    )


def test_a_gray_mask_mixes_and_a_feather_lies_inside() -> None:
    x = torch.zeros(1, 3, 16, 16)
    wish = RecolorWish(color="mean", rect="4,4,8,8", feather=2)
    weight = find_weight(x, wish)
    assert int((weight > 0).sum()) == 64
    assert float(weight.amin()) == 0
    assert len(torch.unique(weight)) > 2


def test_flooded_places_change_and_others_do_not(place: Path) -> None:
    scene = np.zeros((20, 20, 3), np.uint8)
    scene[:, 10:] = (0, 0, 200)
    Image.fromarray(scene).save("scene.png")
    summary = recolor_picture("scene.png", "out.png", RecolorWish(color="#00c800", point="15,3", feather=0))
    assert np.array_equal(codes("out.png")[:, :10], scene[:, :10])
    assert np.array_equal(np.unique(codes("out.png")[:, 10:].reshape(-1, 3), axis=0), [[0, 200, 0]])
    assert summary.got == "#00c800"


def test_masks_of_segment_anything_are_chosen_by_a_point(place: Path) -> None:
    rows = [{"segmentation": {"size": [48, 48], "counts": [48 * 8 * i, 48 * 8, 48 * (40 - 8 * i)]}} for i in range(2)]
    Path("masks.json").write_text(json.dumps(rows))
    summary = recolor_picture("in.png", "out.png", RecolorWish(color="mean", mask="masks.json", point="10,0"))
    changed = (codes("out.png") != codes("in.png")).any(-1)
    assert summary.masked == pytest.approx(1 / 6, abs=1e-4)
    assert changed[:, 9:15].any()
    assert not changed[:, :8].any()
    assert not changed[:, 16:].any()


def test_jpeg_is_written_with_a_warning(place: Path) -> None:
    summary = recolor_picture("in.png", "out.jpg", RecolorWish(color="#3060c0", mask="mask.png"))
    assert any("JPEG" in text for text in summary.warnings)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"color": "blue", "point": "1,1"}, "#rrggbb"),
        ({"color": "mean"}, "one of --mask"),
        ({"color": "mean", "mask": "m.png", "rect": "1,1,2,2"}, "one of --mask"),
        ({"color": "mean", "mask": "m.png", "point": "1,1"}, "drop it"),
        ({"color": "mean", "rect": "1,1,2,2", "index": 1}, "drop it"),
        ({"color": "mean", "point": "1,1", "grabcut": True}, "--rect"),
        ({"color": "mean", "point": "1,1", "tolerance": 256}, "between 0 and 255"),
        ({"color": "mean", "point": "1,1", "feather": -1.0}, "--feather"),
        ({"color": "mean", "point": "1,1", "texture": "rough"}, "--texture"),
    ],
)
def test_wishes_that_make_no_sense_are_refused_at_once(wish: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        RecolorWish(**wish)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wish", "error", "words"),
    [
        (RecolorWish(color="mean", mask="small.png"), InputError, "expected a --mask of 48x48"),
        (RecolorWish(color="mean", mask="black.png"), UsageError, "empty"),
        (RecolorWish(color="mean", mask="none.png"), InputError, "none.png"),
        (RecolorWish(color="mean", mask="none.npy"), InputError, "none.npy"),
        (RecolorWish(color="mean", rect="40,40,20,20"), UsageError, "48x48"),
        (RecolorWish(color="mean", point="48,0"), UsageError, "48x48"),
    ],
)
def test_wishes_that_do_not_fit_the_files_leave_nothing(
    place: Path, wish: RecolorWish, error: type[Exception], words: str
) -> None:
    Image.fromarray(np.zeros((20, 20), np.uint8)).save("small.png")
    Image.fromarray(np.zeros((48, 48), np.uint8)).save("black.png")
    with pytest.raises(error, match=words):
        recolor_picture("in.png", "out.png", wish)
    assert not list(place.glob("out*"))


def test_video_pipes_and_existing_outputs_are_refused(place: Path) -> None:
    clip(place / "in.mkv")
    wish = RecolorWish(color="mean", point="1,1")
    with pytest.raises(UsageError, match="one picture"):
        recolor_picture("in.mkv", "out.png", wish)
    with pytest.raises(UsageError, match="pipe"):
        recolor_picture("-", "out.png", wish)
    with pytest.raises(OutputError, match="exists"):
        recolor_picture("in.png", "mask.png", wish, Settings())
