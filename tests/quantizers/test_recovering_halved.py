"""Games at their own size in 4:2:0, behind real x264: their colors are found, or it is said that they cannot be."""

from __future__ import annotations

from pathlib import Path

import make
import numpy as np
import pytest
import torch

from vdequant.color import to_rgb
from vdequant.frames import Frame, Layout, Matrix
from vdequant.media.source import open_source
from vdequant.metrics.fidelity import psnr
from vdequant.pipeline import restore
from vdequant.planning import suited_restorer
from vdequant.quantizers.behind_codec import study
from vdequant.quantizers.grid import Axis, Grid
from vdequant.quantizers.known_palettes import known_palettes
from vdequant.quantizers.recovering import recover
from vdequant.quantizers.recovering_halved import drawn_part, recover_halved
from vdequant.quantizers.snapping import Snap
from vdequant.quantizers.unmixing_snap import UnmixingSnap, halves
from vdequant.settings import Settings

NES = [tuple(color) for color in known_palettes()["NES YUV-V3"][[4, 9, 16, 22, 30, 33, 41, 50]].tolist()]
MATRICES = (Matrix.SMPTE170M, Matrix.BT709)


def drawn_clip(path: Path, crf: int = 18, size: tuple[int, int] = (96, 128)) -> list[np.ndarray]:
    pictures = [make.tile_scene(NES, moment // 3, size) for moment in range(9)]
    make.enlarged_clip(path, pictures, (1, 1), crf=crf)
    return pictures


def read(path: Path) -> list[Frame]:
    with open_source(str(path), Settings()) as source:
        return [item for item in source if isinstance(item, Frame)]


def recovered(path: Path) -> UnmixingSnap:
    found = recover_halved(read(path), MATRICES)
    assert found is not None
    return found[0]


def shown(path: Path) -> torch.Tensor:
    return torch.stack([to_rgb(frame.planes, frame.layout) for frame in read(path)])


def as_picture(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1) / 255


def test_a_clip_of_a_machine_comes_back_exactly_but_for_a_few_pixels(tmp_path: Path) -> None:
    pictures = drawn_clip(tmp_path / "in.mp4")
    frames = read(tmp_path / "in.mp4")
    snap = recovered(tmp_path / "in.mp4")
    for frame, picture in zip(frames, pictures, strict=True):
        rgb, sure = snap.of_planes(frame.planes, frame.layout)
        exact = ((rgb - as_picture(picture)).abs() < 1e-3).all(0)
        assert float(exact.float().mean()) > 0.95
        assert float(exact[sure].float().mean()) > 0.98


def test_the_plan_for_it_is_to_snap_and_to_let_frames_agree(tmp_path: Path) -> None:
    drawn_clip(tmp_path / "in.mp4", crf=12)
    finding = study(read(tmp_path / "in.mp4"), lossy_codec=True, assumed_matrix=True)
    assert (finding.palette, finding.drawn, finding.colors) == ("NES YUV-V3", True, len(NES))
    assert suited_restorer(finding, None, small=True) == "identity"


def test_the_restored_clip_is_much_nearer_to_the_drawing_than_the_decoded_one(tmp_path: Path) -> None:
    pictures = drawn_clip(tmp_path / "in.mp4")
    done = restore(str(tmp_path / "in.mp4"), str(tmp_path / "out.mkv"), Settings(lossless=True, scale=1))
    assert done.snapped is not None
    assert done.snapped > 0.97
    truth = torch.stack([as_picture(picture) for picture in pictures])
    before, after = (shown(tmp_path / name) for name in ("in.mp4", "out.mkv"))
    assert float((psnr(after, truth).clamp(max=60) - psnr(before, truth)).mean()) > 6


def test_pictures_of_odd_sides_keep_their_size(tmp_path: Path) -> None:
    drawn_clip(tmp_path / "in.mp4")
    snap, frame = recovered(tmp_path / "in.mp4"), read(tmp_path / "in.mp4")[0]
    layout = Layout(127, 95, "yuv", 8, (1, 1), Matrix.SMPTE170M)
    luma, *color = frame.planes
    planes = (luma[:95, :127], *color)
    assert halves(planes, layout)[0].shape == (96, 128)
    rgb, sure = snap.of_planes(planes, layout)
    assert (tuple(rgb.shape), tuple(sure.shape)) == ((3, 95, 127), (95, 127))


def test_borders_are_cut_off_after_unmixing(tmp_path: Path) -> None:
    drawn_clip(tmp_path / "in.mp4")
    snap, frame = recovered(tmp_path / "in.mp4"), read(tmp_path / "in.mp4")[0]
    whole, _ = snap.of_planes(frame.planes, frame.layout)
    grid = Grid(Axis(1, (1,) * 127), Axis(1, (1,) * 95))
    planes = tuple(plane[None] for plane in frame.planes)
    cut, sure = snap.native(torch.zeros(1, 3, 95, 127), planes, frame.layout, grid)
    assert torch.equal(cut[0], whole[:, 1:, 1:])
    assert tuple(sure.shape) == (1, 1, 95, 127)


def test_means_of_two_colors_settle_on_the_nearer_one(tmp_path: Path) -> None:
    drawn_clip(tmp_path / "in.mp4")
    snap = recovered(tmp_path / "in.mp4")
    one, other = snap.colors[0], snap.colors[1]
    mean = one.view(1, 3, 1, 1).repeat(1, 1, 3, 4)
    mean[..., 0, :] = (0.6 * one + 0.4 * other).view(1, 3, 1)
    mean[..., 1:, :] = (0.4 * one + 0.6 * other).view(1, 3, 1, 1)
    where = torch.ones(1, 3, 4, dtype=torch.bool)
    where[:, 2] = False
    settled = snap.settled(mean, where)
    assert torch.equal(settled[0, :, 0, 0], one)
    assert torch.equal(settled[0, :, 1, 0], other)
    assert torch.equal(settled[..., 2, :], mean[..., 2, :])


def shaded(layout: Layout, count: int = 4) -> list[Frame]:
    """Smooth shades and noise, as a photograph has."""
    chance = torch.Generator().manual_seed(0)
    frames = []
    for moment in range(count):
        planes = []
        for plane in range(3):
            height, width = layout.plane_shape(plane)
            coarse = torch.rand(1, 1, 6, 8, generator=chance)
            fine = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")[0, 0] * 180 + 30
            fine = fine + 3 * torch.randn(height, width, generator=chance)
            planes.append(fine.round().clamp(0, 255).byte())
        frames.append(Frame(tuple(planes), layout, moment))
    return frames


@pytest.mark.parametrize(
    "layout",
    [
        pytest.param(Layout(128, 96, "yuv", 8, (1, 1), Matrix.SMPTE170M), id="shaded"),
        pytest.param(Layout(128, 96, "yuv", 8, (1, 0), Matrix.SMPTE170M), id="422"),
        pytest.param(Layout(1280, 720, "yuv", 8, (1, 1), Matrix.BT709), id="large"),
        pytest.param(Layout(128, 96, "rgb", 8), id="rgb"),
    ],
)
def test_of_other_pictures_no_colors_are_told(layout: Layout) -> None:
    assert recover_halved(shaded(layout, 1 if layout.width > 1000 else 4), MATRICES) is None


def test_what_plays_is_not_unmixed_for_that_takes_long(tmp_path: Path) -> None:
    drawn_clip(tmp_path / "in.mp4")
    found = recover(read(tmp_path / "in.mp4"), None, MATRICES, unmix=False)
    assert found is None or isinstance(found.snap, Snap)


def test_photographs_on_a_plain_ground_are_not_judged_by_the_ground() -> None:
    labels = torch.zeros(64, 96, dtype=torch.long)
    labels[20:40, 30:60] = torch.randint(1, 9, (20, 30), generator=torch.Generator().manual_seed(0))
    part = drawn_part(labels)
    assert bool(part[24:36, 34:56].all())
    assert not bool(part[:16].any())
