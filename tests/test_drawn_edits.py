"""Palette transfer and recoloring of files by a diffusion model, here a tiny one of two steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from make import clip, grained
from PIL import Image
from tiny_diffusion import ship_tiny

from vdequant.drawn_edits import load_model, sample_paths
from vdequant.edits import TEXTURES
from vdequant.errors import InputError, OutputError, UsageError
from vdequant.observing import Silent
from vdequant.palette_wishes import PaletteWish
from vdequant.recolor_wishes import RecolorWish
from vdequant.recoloring import RecolorPlan, recolor_picture
from vdequant.repaletting import PalettePlan, transfer_palette
from vdequant.schedule.device import choose_engine
from vdequant.settings import Settings

SETTINGS = Settings(workers=1, device="cpu", steps=2, sampler="ddim", restorer="diffusion", bits=8)
UNSAID = Settings(workers=1, device="cpu", bits=8)  # the restorer, and how it draws
WARM = "#201008,#603018,#b06030,#f0d0a0,#fff8e0"
PART = RecolorWish(color="#3060c0", rect="10,12,20,16")


class Noting(Silent):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.steps: list[tuple[int, int]] = []

    def planned(self, plan: PalettePlan | RecolorPlan) -> None:  # type: ignore[override]
        self.lines = plan.lines()

    def searched(self, done: int, total: int, objective: float) -> None:
        self.steps.append((done, total))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with in.png, 45x48, and a package that ships tiny networks."""
    ship_tiny(monkeypatch)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(grained(5)[:45]).save("in.png")
    return tmp_path


def codes(path: str | Path) -> np.ndarray:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))[:, :, ::-1]


def transferred(output: str, texture: str = "T", **changes: int) -> np.ndarray:
    wish = PaletteWish(origin=WARM, texture=texture)
    transfer_palette("in.png", output, wish, replace(SETTINGS, overwrite=True, **changes))  # type: ignore[arg-type]
    return codes(output)


def recolored(output: str, texture: str = "T", **changes: int) -> np.ndarray:
    settings = replace(SETTINGS, overwrite=True, **changes)  # type: ignore[arg-type]
    recolor_picture("in.png", output, replace(PART, texture=texture), settings)
    return codes(output)


def test_one_picture_keeps_its_name_and_several_are_numbered() -> None:
    assert sample_paths("a/out.png", 1) == ["a/out.png"]
    assert sample_paths("a/o.ut.png", 2) == ["a/o.ut-1.png", "a/o.ut-2.png"]


@pytest.mark.parametrize("edit", [transferred, recolored])
def test_every_texture_draws_another_picture_and_the_seed_decides(place: Path, edit: object) -> None:
    made = {texture: edit("out.png", texture) for texture in TEXTURES}  # type: ignore[operator]
    assert len({one.tobytes() for one in made.values()}) == len(TEXTURES)
    assert np.array_equal(edit("out.png", "T"), made["T"])  # type: ignore[operator]
    assert not np.array_equal(edit("out.png", "T", seed=1), made["T"])  # type: ignore[operator]


@pytest.mark.parametrize("texture", TEXTURES)
def test_outside_the_mask_every_sample_stays_as_it_was_stored(place: Path, texture: str) -> None:
    before, after = codes("in.png"), recolored("out.png", texture)
    changed = (before != after).any(-1)
    assert not changed[:12].any()
    assert not changed[28:].any()
    assert not changed[:, :10].any()
    assert not changed[:, 30:].any()
    assert changed[12:28, 10:30].mean() > 0.9


def test_unnamed_textures_are_g_with_diffusion_and_l_without(place: Path) -> None:
    for settings, texture, restorer in ((SETTINGS, "G", "diffusion"), (UNSAID, "L", "")):
        settings = replace(settings, overwrite=True)
        first = transfer_palette("in.png", "out.png", PaletteWish(origin=WARM), settings)
        second = recolor_picture("in.png", "out.png", PART, settings)
        assert (first.texture, first.restorer) == (second.texture, second.restorer) == (texture, restorer)


def test_the_palette_is_kept_where_that_is_asked_for(place: Path) -> None:
    settings = replace(SETTINGS, overwrite=True)
    loose, same, kept = (
        transfer_palette("in.png", "out.png", PaletteWish(origin=WARM, texture="T", fidelity=share), settings)
        for share in (None, 0.0, 1.0)
    )
    assert loose.certificate == same.certificate < kept.certificate == 1
    auto = replace(UNSAID, overwrite=True)
    assert transfer_palette("in.png", "out.png", PaletteWish(origin=WARM), auto).certificate == 1
    assert transfer_palette("in.png", "out.png", PaletteWish(origin=WARM, fidelity=0), auto).certificate < 1


def test_t_and_g_imply_diffusion_and_l_stays_fast(place: Path) -> None:
    for texture, drawn in (("T", True), ("G", True), ("L", False), ("off", False)):
        auto = replace(SETTINGS if drawn else UNSAID, restorer="auto", overwrite=True)
        summary = transfer_palette("in.png", "out.png", PaletteWish(origin=WARM, texture=texture), auto)
        assert (summary.restorer == "diffusion") == drawn
        other = recolor_picture("in.png", "out.png", replace(PART, texture=texture), auto)
        assert (other.restorer == "diffusion") == drawn


def test_several_samples_are_several_pictures_with_the_seeds_that_follow(place: Path) -> None:
    wish, settings = PaletteWish(origin=WARM, texture="T"), replace(SETTINGS, samples=2, seed=7)
    summary = transfer_palette("in.png", "pal.png", wish, settings)
    painted = recolor_picture("in.png", "rec.png", replace(PART, texture="T"), settings)
    assert summary.outputs == ("pal-1.png", "pal-2.png")
    assert painted.outputs == ("rec-1.png", "rec-2.png")
    assert summary.output == "pal-1.png"
    assert summary.bytes == sum((place / name).stat().st_size for name in summary.outputs)
    assert sorted(path.name for path in place.glob("*")) == ["in.png", *summary.outputs, *painted.outputs]
    assert np.array_equal(codes("pal-1.png"), transferred("one.png", seed=7))
    assert np.array_equal(codes("pal-2.png"), transferred("one.png", seed=8))
    assert np.array_equal(codes("rec-2.png"), recolored("one.png", seed=8))


def test_equal_frames_of_a_clip_become_equal_frames(place: Path) -> None:
    (place / "in").mkdir()
    for number in range(3):
        Image.fromarray(grained(1)).save(place / "in" / f"f{number}.png")
    noting = Noting()
    summary = transfer_palette("in", "out", PaletteWish(origin=WARM, texture="T"), SETTINGS, noting)
    first, second, third = (codes(path) for path in sorted((place / "out").glob("*.png")))
    assert summary.frames == 3
    assert np.array_equal(first, second)
    assert np.array_equal(first, third)
    assert noting.steps == []


def test_video_is_drawn_frame_by_frame_with_its_times(place: Path) -> None:
    clip(place / "in.mkv", size=(32, 48), count=3)
    noting = Noting()
    settings = replace(SETTINGS, lossless=True, bits=0)
    summary = transfer_palette("in.mkv", "out.mkv", PaletteWish(origin=WARM, texture="G", fidelity=1), settings, noting)
    assert (summary.frames, summary.restorer, summary.certificate) == (3, "diffusion", 1)
    assert "a frame" in noting.lines[0] or "a picture" in noting.lines[0]


def test_the_plan_tells_the_time_and_the_bar_counts_the_steps(place: Path) -> None:
    noting = Noting()
    settings = replace(SETTINGS, samples=2, workers=2)
    transfer_palette("in.png", "pal.png", PaletteWish(origin=WARM, texture="T"), settings, noting)
    assert "texture T, dequantized by diffusion (ddim, 2 steps, seed 0, 2 samples); about" in noting.lines[0]
    assert "writing: pal-1.png to pal-2.png" in noting.lines[1]
    assert noting.steps == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    noting = Noting()
    recolor_picture("in.png", "rec.png", replace(PART, texture="T"), SETTINGS, noting)
    assert "texture T, drawn by diffusion (ddim, 2 steps, seed 0); about" in noting.lines[0]
    assert noting.steps == [(0, 2), (1, 2), (2, 2)]


def test_tiles_are_as_large_as_the_user_says(place: Path) -> None:
    engine = choose_engine("cpu", 1)
    assert load_model("T", SETTINGS, engine).sampling.tile == 256
    assert load_model("T", replace(SETTINGS, tile=128), engine).sampling.tile == 128
    small = load_model("T", replace(SETTINGS, tile=1), engine).sampling
    assert small.tile > small.overlap > 0
    assert load_model("off", SETTINGS, engine).denoiser.texture == "L"


@pytest.mark.parametrize(
    ("changes", "texture", "words"),
    [
        ({"restorer": "auto"}, "L", "--restorer diffusion with --sampler ddim"),
        ({"restorer": "auto", "sampler": "", "steps": 0, "samples": 2}, "L", "--restorer diffusion with --samples 2"),
        ({"restorer": "deband"}, "T", "--restorer"),
    ],
)
def test_wishes_that_cannot_be_drawn_leave_nothing(
    place: Path, changes: dict[str, object], texture: str, words: str
) -> None:
    settings = replace(SETTINGS, **changes)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=words):
        transfer_palette("in.png", "out.png", PaletteWish(origin=WARM, texture=texture), settings)
    with pytest.raises(UsageError, match=words):
        recolor_picture("in.png", "out.png", replace(PART, texture=texture), settings)
    assert [path.name for path in place.iterdir()] == ["in.png"]


def test_several_samples_of_video_are_refused(place: Path) -> None:
    clip(place / "in.mkv")
    with pytest.raises(UsageError, match="--samples 1 for video, got 3; --seed"):
        transfer_palette("in.mkv", "out.mkv", PaletteWish(origin=WARM), replace(SETTINGS, samples=3))
    assert not list(place.glob("out*"))


@pytest.mark.parametrize("name", ["out-1.png", "out-2.png"])
def test_an_existing_sample_is_not_overwritten(place: Path, name: str) -> None:
    Path(name).write_text("mine")
    settings = replace(SETTINGS, samples=2)
    with pytest.raises(OutputError, match=f"{name} exists"):
        transfer_palette("in.png", "out.png", PaletteWish(origin=WARM), settings)
    with pytest.raises(OutputError, match=f"{name} exists"):
        recolor_picture("in.png", "out.png", PART, settings)
    assert Path(name).read_text() == "mine"
    assert sorted(path.name for path in place.iterdir()) == ["in.png", name]


def test_what_does_not_fit_the_picture_is_refused_when_drawn_as_well(place: Path) -> None:
    Image.fromarray(np.full((20, 20), 255, np.uint8)).save("small.png")
    with pytest.raises(InputError, match=r"expected a --mask of 48x45 pixels"):
        recolor_picture("in.png", "out.png", RecolorWish(color="mean", mask="small.png", texture="T"), SETTINGS)
    with pytest.raises(UsageError, match="at most 5, as --from"):
        transfer_palette("in.png", "out.png", PaletteWish(origin=WARM, colors=6, texture="T"), SETTINGS)
    assert not list(place.glob("out*"))


def test_a_drawing_that_is_stopped_leaves_nothing(place: Path) -> None:
    class Impatient(Noting):
        def searched(self, done: int, total: int, objective: float) -> None:
            raise KeyboardInterrupt

    for samples in (1, 2):
        settings = replace(SETTINGS, samples=samples)
        with pytest.raises(KeyboardInterrupt):
            transfer_palette("in.png", "out.png", PaletteWish(origin=WARM), settings, Impatient())
        with pytest.raises(KeyboardInterrupt):
            recolor_picture("in.png", "out.png", PART, settings, Impatient())
    assert [path.name for path in place.iterdir()] == ["in.png"]
