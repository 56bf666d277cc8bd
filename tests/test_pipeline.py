"""The main job on tiny real files: frames, times, certificate, and nothing left behind when something breaks."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import make
import numpy as np
import pytest
import torch
from torch.nn import functional

import vdequant
from vdequant.color import to_rgb
from vdequant.errors import UsageError, VdequantError
from vdequant.frames import Frame, Matrix
from vdequant.media.source import open_source
from vdequant.pipeline import Plan, probe, restore
from vdequant.settings import Settings


def shaded(width: int, height: int, t: int, bits: int = 5) -> np.ndarray:
    """A smooth moving picture stored with ``bits`` replicated bits a channel, ``(H, W, 3)`` uint8 RGB."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [0.5 + 0.5 * np.sin((x + 3 * t) / 17 + c) * np.cos(y / 13 - c) for c in range(3)]
    steps = np.round(np.stack(planes, axis=-1) * (2**bits - 1))
    return np.round(steps * 255 / (2**bits - 1)).astype(np.uint8)


def write_video(path: Path, frames: list[np.ndarray], codec: str = "ffv1", pixels: str = "bgr0") -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(60))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        for t, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = t, Fraction(1, 60)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]


class Recorder:
    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self.done: list[tuple[int, int | None]] = []
        self.warnings: list[str] = []

    def planned(self, plan: Plan) -> None:
        self.plans.append(plan)

    def progressed(self, done: int, total: int | None) -> None:
        self.done.append((done, total))

    def warned(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mkv"
    write_video(path, [shaded(64, 64, t // 2) for t in range(8)])
    return path


def test_a_5_bit_clip_is_recognized_restored_and_certified(clip: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    summary = restore(str(clip), str(tmp_path / "out.mkv"), Settings(scale=1, lossless=True), recorder)
    assert summary.frames == 8
    assert summary.unique_frames == 4
    assert summary.certificate == 1.0
    assert times(tmp_path / "out.mkv") == times(clip)
    assert recorder.plans[0].finding.kind == "lattice"
    assert recorder.done[-1][0] == 8
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.video[0].codec_context.format.components[0].bits >= 10


def test_the_restored_picture_is_nearer_to_the_truth_than_the_stored_one(tmp_path: Path) -> None:
    truth, stored = shaded(64, 64, 0, bits=8), shaded(64, 64, 0, bits=4)
    cv2.imwrite(str(tmp_path / "in.png"), stored[..., ::-1])
    summary = restore(str(tmp_path / "in.png"), str(tmp_path / "out.png"), Settings(quantizer="4-4-4"))
    restored = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert restored.dtype == np.uint16
    before = np.abs(stored.astype(float) - truth).mean()
    after = np.abs(restored / 257.0 - truth).mean()
    assert after < 0.7 * before
    assert summary.certificate == 1.0


def test_a_folder_of_frames_gives_a_folder_of_16_bit_frames(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for t in (1, 2, 10):
        cv2.imwrite(str(tmp_path / "in" / f"frame_{t}.png"), shaded(64, 64, t)[..., ::-1])
    summary = restore(str(tmp_path / "in"), str(tmp_path / "out") + "/", Settings())
    assert summary.frames == 3
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["frame_1.png", "frame_10.png", "frame_2.png"]
    first = cv2.imread(str(tmp_path / "out" / "frame_1.png"), cv2.IMREAD_UNCHANGED)
    assert first.dtype == np.uint16


def test_a_tripled_clip_is_restored_at_its_native_size_and_comes_back_tripled(tmp_path: Path) -> None:
    native = [shaded(40, 32, t) for t in range(3)]
    write_video(tmp_path / "in.mkv", [picture.repeat(3, 0).repeat(3, 1) for picture in native])
    plan = probe(str(tmp_path / "in.mkv"))
    assert plan.native == (3, 3)
    restore(str(tmp_path / "in.mkv"), str(tmp_path / "out"), Settings(bits=16))
    first = sorted((tmp_path / "out").iterdir())[0]
    picture = cv2.imread(str(first), cv2.IMREAD_UNCHANGED)
    assert picture.shape[:2] == (96, 120)
    assert (picture == picture[::3, ::3].repeat(3, 0).repeat(3, 1)).all()


def test_preview_and_compare_restrict_and_split(clip: Path, tmp_path: Path) -> None:
    settings = Settings(start=2 / 60, duration=3 / 60, compare=True, scale=1, lossless=True)
    summary = restore(str(clip), str(tmp_path / "out.mkv"), settings)
    assert summary.frames == 3


def test_a_broken_restorer_leaves_no_file(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vdequant.restorers.identity import Identity

    def broken(self: Identity, y: object, cells: object) -> object:
        raise RuntimeError("restorer broke")

    monkeypatch.setattr(Identity, "restore", broken)
    with pytest.raises(RuntimeError, match="restorer broke"):
        restore(str(clip), str(tmp_path / "out.mkv"), Settings(restorer="identity", scale=1))
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mkv"]


def test_output_equal_to_input_and_existing_outputs_are_refused(clip: Path, tmp_path: Path) -> None:
    before = clip.read_bytes()
    with pytest.raises(VdequantError):
        restore(str(clip), str(clip), Settings(overwrite=True))
    (tmp_path / "out.mkv").write_bytes(b"precious")
    with pytest.raises(VdequantError, match="overwrite"):
        restore(str(clip), str(tmp_path / "out.mkv"))
    assert clip.read_bytes() == before
    assert (tmp_path / "out.mkv").read_bytes() == b"precious"


def test_an_unknown_quantizer_is_a_usage_error(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="quantizer"):
        restore(str(clip), str(tmp_path / "out.mkv"), Settings(quantizer="seven"))
    assert not (tmp_path / "out.mkv").exists()


def test_the_package_offers_the_same_functions(clip: Path) -> None:
    assert vdequant.probe(str(clip)).finding.kind == "lattice"


PEAK = """
import re, sys
from vdequant.pipeline import restore
from vdequant.settings import Settings
restore(sys.argv[1], sys.argv[2], Settings(restorer="cellnet-s", scale=1, overwrite=True))
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])  # ru_maxrss would count the parent's
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's peak of resident memory")
def test_memory_does_not_grow_with_the_length_of_the_clip(tmp_path: Path) -> None:
    peaks = []
    for seconds in (40, 120):  # both are kept in segments, which takes some memory of its own
        path = tmp_path / f"clip{seconds}.mkv"
        write_video(path, [shaded(128, 96, t) for t in range(60 * seconds)], "libx264", "yuv420p")
        command = [sys.executable, "-c", PEAK, str(path), str(tmp_path / f"out{seconds}.mkv")]
        peaks.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    assert peaks[1] < 1.1 * peaks[0]


def test_reuse_changes_the_work_and_not_the_frames(tmp_path: Path) -> None:
    world = np.concatenate([shaded(96, 72, 3 * t) for t in range(3)], axis=1)
    cycle = [world[:, 2 * t : 2 * t + 160] for t in (0, 1, 2, 3, 0, 1, 2, 3)]  # all come again after four
    write_video(tmp_path / "in.mkv", cycle)
    done, frames = {}, {}
    for reuse in (True, False):
        settings = Settings(restorer="cellnet-s", reuse=reuse, lossless=True, scale=1, device="cpu", overwrite=True)
        done[reuse] = restore(str(tmp_path / "in.mkv"), str(tmp_path / "out.mkv"), settings)
        with av.open(str(tmp_path / "out.mkv")) as container:
            frames[reuse] = [frame.to_ndarray(format="gbrp16le") for frame in container.decode(video=0)]
    assert all((a == b).all() for a, b in zip(frames[True], frames[False], strict=True))
    assert (done[True].unique_frames, done[False].unique_frames) == (4, 8)
    assert done[True].new_share <= done[True].work_share < 0.5
    assert done[False].work_share == 1


def test_jpeg_pictures_are_taken_as_what_their_tables_left(tmp_path: Path) -> None:
    truth = shaded(64, 64, 0, bits=8)
    cv2.imwrite(str(tmp_path / "in.jpg"), truth[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert probe(str(tmp_path / "in.jpg")).finding.kind == "jpeg"


DRAWN = [(239, 198, 156), (66, 115, 231), (16, 115, 231), (255, 255, 255), (222, 165, 99), (49, 57, 57)]
DRAWN += [(99, 57, 49), (140, 82, 57), (90, 82, 82), (0, 148, 148), (173, 49, 49), (24, 107, 74)]


def test_a_lossy_enlarged_capture_is_snapped_before_it_is_restored(tmp_path: Path) -> None:
    pictures = [make.tile_scene(DRAWN, moment // 3, (96, 128)) for moment in range(9)]
    make.enlarged_clip(tmp_path / "in.mp4", pictures)
    summary = restore(str(tmp_path / "in.mp4"), str(tmp_path / "out"), Settings(restorer="identity", device="cpu"))
    files = sorted((tmp_path / "out").iterdir())
    written = [cv2.imread(str(file), cv2.IMREAD_UNCHANGED)[..., ::-1] / 257 for file in files]
    same = [(a[1::3, 1::3].round() == b).all(-1).mean() for a, b in zip(written, pictures, strict=True)]
    assert np.mean(same) > 0.98
    assert all((a == a[1::3, 1::3].repeat(3, 0).repeat(3, 1)).all() for a in written)
    assert summary.certificate == 1.0
    assert 2 <= summary.tolerance <= 8
    assert summary.snapped is not None
    assert summary.snapped > 0.98


def test_the_matrix_that_the_colors_prove_is_used_and_written(tmp_path: Path) -> None:
    # 600 lines without a tag: BT.709 to a player, BT.601 in truth.
    make.enlarged_clip(tmp_path / "in.mp4", [make.tile_scene(DRAWN, moment, (200, 64)) for moment in range(3)])
    plan = probe(str(tmp_path / "in.mp4"))
    assert plan.finding.matrix is Matrix.SMPTE170M
    settings = Settings(scale=1, codec="h264", device="cpu")
    restore(str(tmp_path / "in.mp4"), str(tmp_path / "out.mp4"), settings)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.colorspace == Matrix.SMPTE170M


def test_lossless_sources_state_no_tolerance(clip: Path, tmp_path: Path) -> None:
    summary = restore(str(clip), str(tmp_path / "out.mkv"), Settings(scale=1, restorer="identity"))
    assert (summary.tolerance, summary.snapped) == (0.0, None)


def test_fidelity_moves_a_snapped_picture_only_that_share_of_the_way(tmp_path: Path) -> None:
    make.enlarged_clip(tmp_path / "in.mp4", [make.tile_scene(DRAWN, 0, (96, 128))] * 3)
    shares = []
    for fidelity in (0.0, 1.0):
        settings = Settings(
            restorer="deband", temporal="off", scale=1, lossless=True, fidelity=fidelity, overwrite=True, device="cpu"
        )
        shares.append(restore(str(tmp_path / "in.mp4"), str(tmp_path / "out.mkv"), settings).certificate)
    assert shares[0] is not None
    assert shares[0] <= shares[1] == 1.0


@pytest.mark.parametrize("kind", ["alpha", "gray", "16 bits", "16-bit gray"])
def test_odd_pictures_are_restored_in_their_own_kind(tmp_path: Path, kind: str) -> None:
    picture = shaded(48, 48, 0, bits=4)
    pixels = {
        "alpha": np.dstack([picture, picture[..., 0]]),
        "gray": picture[..., 0],
        "16 bits": picture.astype(np.uint16) * 257,
        "16-bit gray": picture[..., 0].astype(np.uint16) * 257,
    }[kind]
    cv2.imwrite(str(tmp_path / "in.png"), pixels)
    summary = restore(str(tmp_path / "in.png"), str(tmp_path / "out.png"), Settings(restorer="deband", device="cpu"))
    written = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED)
    assert written.shape == pixels.shape
    assert written.dtype == np.uint16
    assert summary.certificate == 1.0


def test_known_chroma_loss_alone_is_passed_through_and_known_levels_are_restored() -> None:
    from vdequant.planning import suited_restorer
    from vdequant.quantizers.chroma import ChromaQuantizer
    from vdequant.quantizers.estimate import estimate
    from vdequant.quantizers.uniform import UniformQuantizer

    fine = estimate([torch.rand(3, 32, 32)], lossy_codec=False, stored_bits=16)
    assert suited_restorer(fine, ChromaQuantizer("420"), small=False) == "identity"
    assert suited_restorer(fine, None, small=True) == "identity"
    assert suited_restorer(fine, UniformQuantizer.of_levels(8), small=True) == "cellnet-s"


def test_a_fractional_enlargement_in_black_bars_is_restored_at_its_native_size_and_comes_back(tmp_path: Path) -> None:
    native = [shaded(40, 32, t) // 2 + 64 for t in range(3)]
    rows, columns = (np.arange(144) * 2 // 9, np.arange(180) * 2 // 9)
    boxed = [np.pad(picture[rows][:, columns], ((10, 10), (20, 20), (0, 0))) for picture in native]
    write_video(tmp_path / "in.mkv", boxed)
    source, output = str(tmp_path / "in.mkv"), str(tmp_path / "out")
    plan = probe(source)
    assert plan.grid is not None
    assert (plan.grid.size, plan.grid.borders, plan.native) == ((40, 32), (20, 10, 20, 10), (4.5, 4.5))
    off = probe(source, Settings(native_grid="off"))
    assert off.grid is None
    restore(source, output, Settings(bits=16, restorer="deband"))
    picture = cv2.imread(str(sorted(Path(output).iterdir())[0]), cv2.IMREAD_UNCHANGED)
    inner = picture[10:-10, 20:-20]
    assert (picture.shape, int(picture.sum())) == ((164, 220, 3), int(inner.sum()))
    starts = np.unique(columns, return_index=True)[1]
    assert (inner == inner[starts[:32]][:, starts][rows][:, columns]).all()


def test_what_a_bilinear_scaler_and_a_codec_made_of_a_capture_is_undone_and_made_again(tmp_path: Path) -> None:
    native = [torch.from_numpy(make.tile_scene(DRAWN, moment // 3, (96, 128))) for moment in range(9)]
    large = [functional.interpolate(one.permute(2, 0, 1)[None].float(), (432, 576), mode="bilinear") for one in native]
    blended = [one[0].round().permute(1, 2, 0).to(torch.uint8).numpy() for one in large]
    make.enlarged_clip(tmp_path / "in.mp4", blended, (1, 1))
    plan = probe(str(tmp_path / "in.mp4"))
    assert plan.grid is not None
    assert (plan.grid.size, plan.native) == ((128, 96), (4.5, 4.5))
    assert "(bilinear)" in plan.finding.description
    summary = restore(str(tmp_path / "in.mp4"), str(tmp_path / "out"), Settings(restorer="identity", device="cpu"))
    files = sorted((tmp_path / "out").iterdir())
    written = [cv2.imread(str(file), cv2.IMREAD_UNCHANGED)[..., ::-1] / 257 for file in files]
    misses = [np.abs(one - wanted).max(-1) for one, wanted in zip(written, blended, strict=True)]
    assert np.mean(np.concatenate(misses) < 1) > 0.98
    assert summary.snapped is not None
    assert summary.snapped > 0.98


def test_the_grid_of_a_quantizer_with_blocks_keeps_borders_of_whole_native_pixels_in_the_picture() -> None:
    from vdequant.planning import fitting_grid
    from vdequant.quantizers.grid import Axis, Grid
    from vdequant.quantizers.spec import parse_quantizer, resolve

    grid = Grid(Axis(8, (2,) * 40, 8), Axis(0, (2,) * 40))
    blocks = resolve(parse_quantizer("jpeg:40"), [])
    assert blocks.period > 1
    assert fitting_grid(grid, blocks) == Grid.of_scale((2, 2), 96, 80)
    assert fitting_grid(grid, resolve(parse_quantizer("m=4"), [])) == grid
    assert fitting_grid(Grid(Axis(8, (1,) * 40, 8), Axis(0, (1,) * 40)), blocks) is None


def test_a_scaler_is_named_in_the_plan_and_smooths_the_output(tmp_path: Path) -> None:
    write_video(tmp_path / "in.mkv", [np.where(np.tri(40)[..., None] > 0, 200, 40).astype(np.uint8).repeat(3, 2)] * 2)
    plans: list[Plan] = []

    class Watching:
        def planned(self, plan: Plan) -> None:
            plans.append(plan)

        def progressed(self, done: int, total: int | None) -> None:
            pass

        def warned(self, text: str) -> None:
            pass

    source = str(tmp_path / "in.mkv")
    restore(source, str(tmp_path / "out"), Settings(restorer="identity", scale=3, scaler="xbr"), observer=Watching())
    assert any("smoothed by xbr (3 times)" in line for line in plans[0].lines())
    picture = cv2.imread(str(sorted((tmp_path / "out").iterdir())[0]), cv2.IMREAD_UNCHANGED)
    assert len(np.unique(picture)) > 2
    with pytest.raises(UsageError, match="--scale 2 or more"):
        restore(source, str(tmp_path / "no"), Settings(restorer="identity", scale=1, scaler="xbr"))
    assert not (tmp_path / "no").exists()


def test_a_sky_that_was_made_smooth_is_written_smooth(tmp_path: Path) -> None:
    """AV1 by default; a faster preset left specks in it, by 1.7 codes."""
    clip = Path(__file__).resolve().parents[1] / "samples" / "scene_truth.mkv"
    given = Settings(restorer="identity", scale=1, device="cpu")
    restore(str(clip), str(tmp_path / "out.mp4"), given)
    sky = []
    for path in (clip, tmp_path / "out.mp4"):
        with open_source(str(path), Settings()) as source:
            shown = [to_rgb(item.planes, item.layout)[:, 5:65, 60:150] for item in source if isinstance(item, Frame)]
        sky.append((torch.stack(shown) * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1) * 255)
    assert (sky[0] - sky[1]).square().mean().sqrt() < 1.35
