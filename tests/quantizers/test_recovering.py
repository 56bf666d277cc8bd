"""Clean colors behind real x264: found, named, and snapped to."""

from __future__ import annotations

from pathlib import Path

import make
import numpy as np
import pytest
import torch

from vdequant.frames import Frame, Matrix
from vdequant.media.source import open_source
from vdequant.planning import suited_restorer
from vdequant.quantizers.behind_codec import study
from vdequant.quantizers.finding import Finding
from vdequant.quantizers.known_palettes import known_palettes
from vdequant.quantizers.snapping import SnappedQuantizer
from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.quantizers.video import VideoQuantizer
from vdequant.settings import Settings

# 5 bits repeated to 8, in the shades of a platform game
LATTICE = [(239, 198, 156), (66, 115, 231), (16, 115, 231), (255, 255, 255), (222, 165, 99), (49, 57, 57)]
LATTICE += [(99, 57, 49), (140, 82, 57), (90, 82, 82), (0, 148, 148), (173, 49, 49), (24, 107, 74)]
NES = [tuple(color) for color in known_palettes()["NES YUV-V3"][[4, 9, 16, 22, 30, 33, 41, 50]].tolist()]


def clip(
    path: Path, colors: list[tuple[int, int, int]], scale: tuple[int, int], crf: int = 18, *, half_rows: bool = True
) -> list[np.ndarray]:
    pictures = [make.tile_scene(colors, moment // 3, (96, 128)) for moment in range(9)]
    make.enlarged_clip(path, pictures, scale, crf=crf, half_rows=half_rows)
    return pictures


def read(path: Path) -> list[Frame]:
    with open_source(str(path), Settings()) as source:
        return [item for item in source if isinstance(item, Frame)]


def exact_share(finding: Finding, frames: list[Frame], pictures: list[np.ndarray]) -> float:
    assert finding.recovery is not None
    shares = []
    for frame, picture in zip(frames, pictures, strict=True):
        snapped, _ = finding.recovery.native(frame, finding.grid)
        codes = (snapped * 255).round().byte().permute(1, 2, 0).numpy()
        shares.append(float((codes == picture).all(-1).mean()))
    return float(np.mean(shares))


@pytest.mark.parametrize("scale", [(3, 3), (2, 2), (4, 2)], ids=["3x", "2x", "4x2"])
def test_a_lattice_behind_x264_is_named_and_snapping_gives_the_drawn_picture_back(
    tmp_path: Path, scale: tuple[int, int]
) -> None:
    pictures = clip(tmp_path / "in.mp4", LATTICE, scale)
    frames = read(tmp_path / "in.mp4")
    finding = study(frames, lossy_codec=True, assumed_matrix=True)
    assert (finding.kind, finding.native_scale, finding.lossless) == ("lattice", scale, False)
    assert finding.levels == (32, 32, 32)
    assert isinstance(finding.quantizer, SnappedQuantizer)
    assert exact_share(finding, frames, pictures) >= 0.99
    assert 2 / 255 <= finding.tolerance <= 8 / 255


def test_at_its_own_size_in_422_doubtful_pixels_are_left_to_the_network_for_codecs(tmp_path: Path) -> None:
    """Identity did nothing for them, boxes next to nothing: NES and SNES clips came out worse than they were stored."""
    clip(tmp_path / "in.mp4", NES, (1, 1), crf=12, half_rows=False)
    finding = study(read(tmp_path / "in.mp4"), lossy_codec=True, assumed_matrix=True)
    assert isinstance(finding.quantizer, SnappedQuantizer)
    assert (finding.drawn, finding.quantizer.halved) == (True, True)
    assert suited_restorer(finding, None, small=True) == "cellnet-s"


def test_at_its_own_size_in_422_colors_of_a_lattice_are_snapped_to_but_not_held(tmp_path: Path) -> None:
    clip(tmp_path / "in.mp4", LATTICE, (1, 1), crf=12, half_rows=False)
    finding = study(read(tmp_path / "in.mp4"), lossy_codec=True, assumed_matrix=True)
    assert finding.kind == "lattice"
    assert finding.recovery is not None
    assert isinstance(finding.quantizer, VideoQuantizer)


def test_the_palette_of_a_machine_is_named(tmp_path: Path) -> None:
    pictures = clip(tmp_path / "in.mp4", NES, (3, 3))
    frames = read(tmp_path / "in.mp4")
    finding = study(frames, lossy_codec=True, assumed_matrix=True)
    assert (finding.kind, finding.palette, finding.drawn) == ("palette", "NES YUV-V3", True)
    assert exact_share(finding, frames, pictures) >= 0.99


def test_the_matrix_of_an_untagged_clip_is_the_one_under_which_its_colors_fit(tmp_path: Path) -> None:
    pictures = [make.tile_scene(LATTICE, moment, (200, 64)) for moment in range(3)]
    make.enlarged_clip(tmp_path / "in.mp4", pictures)
    frames = read(tmp_path / "in.mp4")
    assert frames[0].layout.matrix is Matrix.BT709  # what players assume of 600 lines
    assert study(frames, lossy_codec=True, assumed_matrix=True).matrix is Matrix.SMPTE170M
    assert study(frames, lossy_codec=True, assumed_matrix=False).matrix is None


def test_a_shaded_clip_has_no_clean_colors_and_keeps_a_tolerance(tmp_path: Path) -> None:
    pictures = [make.grained(moment, 64) for moment in range(4)]
    make.enlarged_clip(tmp_path / "in.mp4", pictures, (1, 1))
    finding = study(read(tmp_path / "in.mp4"), lossy_codec=True, assumed_matrix=True)
    assert (finding.kind, finding.native_scale, finding.recovery) == ("lossy", (1, 1), None)
    assert isinstance(finding.quantizer, VideoQuantizer)
    assert 4 / 255 <= finding.tolerance <= 8 / 255


def test_an_enlarged_shaded_clip_is_folded_without_snapping(tmp_path: Path) -> None:
    rough = np.random.default_rng(1).normal(0, 40, (3, 64, 64, 3))
    pictures = [(make.grained(i, 64) + rough[i]).clip(0, 255).astype(np.uint8) for i in range(3)]
    make.enlarged_clip(tmp_path / "in.mp4", pictures, (3, 3))
    frames = read(tmp_path / "in.mp4")
    finding = study(frames, lossy_codec=True, assumed_matrix=True)
    assert (finding.kind, finding.native_scale, finding.recovery) == ("lossy", (3, 3), None)


def test_color_of_an_enlarged_clip_is_not_taken_for_halved(tmp_path: Path) -> None:
    grain = np.random.default_rng(1).normal(0, 9, (4, 96, 128, 3))
    shaded = [make.tile_scene(LATTICE, 0, (96, 128)) + noise for noise in grain]
    pictures = [np.asarray(picture.clip(0, 255), np.uint8) for picture in shaded]
    make.enlarged_clip(tmp_path / "in.mp4", pictures, (3, 3))
    finding = study(read(tmp_path / "in.mp4"), lossy_codec=True, assumed_matrix=True)
    assert finding.kind == "lossy"
    assert finding.grid is not None
    assert finding.grid.enlarged
    assert isinstance(finding.quantizer, ToleranceQuantizer)


def test_the_rounding_of_8_bit_yuv_alone_is_a_small_tolerance(tmp_path: Path) -> None:
    pictures = [make.grained(0, 64)]
    make.enlarged_clip(tmp_path / "in.mkv", pictures, (1, 1), codec="ffv1")
    finding = study(read(tmp_path / "in.mkv"), lossy_codec=False, assumed_matrix=True)
    assert finding.tolerance == pytest.approx(2 / 255)
    assert "8-bit YUV" in finding.description


def test_what_is_not_sure_keeps_its_decoded_value(tmp_path: Path) -> None:
    clip(tmp_path / "in.mp4", LATTICE, (3, 3))
    finding = study(read(tmp_path / "in.mp4"), lossy_codec=True, assumed_matrix=True)
    assert finding.recovery is not None
    far = torch.tensor([250.0, 20.0, 20.0]).reshape(1, 3, 1, 1)
    rgb, sure = finding.recovery.snap(far)
    assert not sure.any()
    assert rgb.min() >= 0
    assert rgb.max() <= 1


def test_a_rare_color_of_a_machine_with_a_known_palette_is_found_beside_a_near_one(tmp_path: Path) -> None:
    colors = [(66, 64, 255), (255, 255, 255), (247, 216, 165), (13, 147, 0), (153, 78, 0), (79, 79, 79)]
    rare = (255, 204, 197)
    pictures = [make.tile_scene(colors, moment // 3, (96, 128)) for moment in range(9)]
    for picture in pictures:
        picture[40:42, 30:36] = rare
    make.enlarged_clip(tmp_path / "in.mp4", pictures, (4, 4))
    frames = read(tmp_path / "in.mp4")
    finding = study(frames, lossy_codec=True, assumed_matrix=True)
    assert finding.recovery is not None
    assert rare in [tuple(color) for color in finding.recovery.colors.tolist()]
    assert exact_share(finding, frames, pictures) > 0.99


def test_the_grid_of_a_boxed_clip_and_of_one_that_is_not_wholly_enlarged_gives_the_drawn_picture_back(
    tmp_path: Path,
) -> None:
    pictures = [make.tile_scene(LATTICE, moment // 3, (96, 128)) for moment in range(9)]
    rows, columns = (np.arange(432) * 2 // 9, np.arange(576) * 2 // 9)
    boxed = [np.pad(picture[rows][:, columns], ((0, 0), (48, 48), (0, 0))) for picture in pictures]
    make.enlarged_clip(tmp_path / "in.mp4", boxed, (1, 1), crf=16)
    frames = read(tmp_path / "in.mp4")
    finding = study(frames, lossy_codec=True, assumed_matrix=True)
    assert finding.grid is not None
    assert (finding.grid.borders, finding.native_scale) == ((48, 0, 48, 0), (4.5, 4.5))
    assert exact_share(finding, frames, pictures) > 0.98
    unfolded = study(frames, lossy_codec=True, assumed_matrix=True, fold=False)
    assert unfolded.grid is None


@pytest.mark.parametrize("ground", [0, 255])
def test_a_photograph_on_a_plain_ground_is_neither_drawn_nor_of_another_matrix(ground: int, tmp_path: Path) -> None:
    pictures = []
    for moment in range(4):
        picture = np.full((128, 160, 3), ground, np.uint8)
        picture[40:88, 56:104] = make.grained(moment, 48)
        picture[8:14, 10:150] = 255 - ground
        pictures.append(picture)
    make.enlarged_clip(tmp_path / "in.mp4", pictures, (1, 1))
    finding = study(read(tmp_path / "in.mp4"), lossy_codec=True, assumed_matrix=True)
    assert (finding.kind, finding.recovery, finding.matrix) == ("lossy", None, None)
