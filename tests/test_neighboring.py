"""Frames that are restored with their neighbors: what is gained, what stays as it was, and who is nobody's neighbor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import make
import numpy as np
import pytest
import torch
from torch import Tensor

from vdequant.color import from_rgb, to_rgb
from vdequant.errors import UsageError
from vdequant.frame_work import Recipe, restore_native, restore_planes
from vdequant.frames import Frame, Layout, SegmentStart, SidePacket
from vdequant.media.source import open_source
from vdequant.metrics.fidelity import psnr
from vdequant.metrics.temporal import flicker
from vdequant.neighboring import NeighborWork
from vdequant.pipeline import Plan, Summary, restore
from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.deband import Deband
from vdequant.settings import Settings

LAYOUT = Layout(64, 64)
LEVELS = UniformQuantizer.of_bits((5, 5, 5))
FAST = {"restorer": "cellnet-s", "quantizer": "5-5-5", "device": "cpu", "workers": 2, "scale": 1, "lossless": True}
STILL = torch.from_numpy(make.grained(1, 64)).permute(2, 0, 1).float() / 255
OTHER = 1 - STILL.flip(-1)


def noisy(*truth: Tensor, codes: float = 4.0, quantizer: Quantizer = LEVELS) -> list[Tensor]:
    return [quantizer.quantize((x[None] + torch.randn(1, 3, 64, 64) * codes / 255).clamp(0, 1)) for x in truth]


def frames_of(stored: list[Tensor]) -> list[Frame]:
    return [Frame(tuple(p[0] for p in from_rgb(y, LAYOUT)), LAYOUT, pts=t) for t, y in enumerate(stored)]


def recipe(quantizer: Quantizer = LEVELS) -> Recipe:
    return Recipe(Deband(), quantizer, replace(LAYOUT, bits=16))


def work_on(items: list[Frame | SidePacket], reach: int = 1, made: Recipe | None = None) -> list[Tensor]:
    work = NeighborWork(made or recipe(), reach, 1, torch.device("cpu"))
    with torch.inference_mode():
        done = [work.plan(item)() for item in work.around(items) if isinstance(item, Frame)]
    return [torch.stack(result.planes) for result in done]


def written(path: Path, stored: list[Tensor]) -> str:
    with av.open(str(path), "w") as out:
        film = out.add_stream("ffv1", rate=10)
        film.height, film.width, film.pix_fmt = 64, 64, "bgr0"
        for moment, y in enumerate(stored):
            codes = (y[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
            frame = av.VideoFrame.from_ndarray(codes, "rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = moment, Fraction(1, 10)
            out.mux(film.encode(frame))
        out.mux(film.encode(None))
    return str(path)


def pictures_of(path: Path | str) -> Tensor:
    with open_source(str(path), Settings()) as source:
        return torch.stack([to_rgb(item.planes, item.layout) for item in source if isinstance(item, Frame)])


def run(source: str, target: Path, **settings: object) -> tuple[Summary, Tensor]:
    summary = restore(source, str(target), Settings(**{**FAST, **settings}, overwrite=True))  # type: ignore[arg-type]
    return summary, pictures_of(target)


def test_neighbors_bring_a_noisy_clip_nearer_to_the_truth_and_steadier_and_all_of_it_into_its_cells(
    tmp_path: Path,
) -> None:
    truth = STILL.expand(6, 3, 64, 64)
    source = written(tmp_path / "in.mkv", noisy(*truth, codes=2.0))
    _, alone = run(source, tmp_path / "out.mkv", temporal="off")
    summary, together = run(source, tmp_path / "out.mkv", temporal="off", neighbors=1)
    assert psnr(together, truth).mean() > psnr(alone, truth).mean() + 1
    assert flicker(together, truth) < 0.6 * flicker(alone, truth)
    assert summary.certificate == 1.0


def test_a_clean_clip_comes_out_as_without_neighbors(tmp_path: Path) -> None:
    truth = [STILL.clone() for _ in range(5)]
    for moment, x in enumerate(truth):
        x[:, 20:36, 6 * moment : 6 * moment + 12] = 0.9
    source = written(tmp_path / "in.mkv", [LEVELS.quantize(x[None]) for x in truth])
    _, alone = run(source, tmp_path / "alone.mkv", reuse=False)
    _, together = run(source, tmp_path / "together.mkv", neighbors=2)
    assert torch.equal(alone, together)


def test_the_result_does_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    source = written(tmp_path / "in.mkv", noisy(*[STILL] * 6))
    results = [run(source, tmp_path / "out.mkv", neighbors=2, workers=count)[1] for count in (1, 3)]
    assert torch.equal(*results)


@pytest.mark.parametrize("quantizer", ["pattern", "palette", "mean"])
def test_every_kind_of_cells_keeps_its_certificate(quantizer: str) -> None:
    palette = PaletteQuantizer((torch.rand(12, 3) * 255).round() / 255)
    pattern = DitherQuantizer(LEVELS, "bayer4")
    known: dict[str, Quantizer] = {"pattern": pattern, "palette": palette, "mean": LEVELS}
    made = replace(recipe(known[quantizer]), dithered=quantizer == "mean")
    clip = noisy(*[STILL] * 3, quantizer=known[quantizer])
    work = NeighborWork(made, 1, 1, torch.device("cpu"))
    with torch.inference_mode():
        done = [work.plan(item)() for item in work.around(frames_of(clip)) if isinstance(item, Frame)]
        alone = [restore_planes(made, tuple(p[None] for p in f.planes), LAYOUT, certify=True) for f in frames_of(clip)]
    assert all(int(result.inside) == result.samples for result in done if result.inside is not None)
    assert any(not torch.equal(a.planes[0], b.planes[0]) for a, b in zip(done, alone, strict=True))


def test_nothing_crosses_a_cut() -> None:
    clip = noisy(*[STILL] * 3, *[OTHER] * 3)
    found = work_on([*frames_of(clip)], 2)
    apart = [*work_on([*frames_of(clip[:3])], 2), *work_on([*frames_of(clip[3:])], 2)]
    assert all(torch.equal(a, b) for a, b in zip(found, apart, strict=True))


def test_nothing_crosses_the_start_of_a_segment() -> None:
    clip = frames_of(noisy(*[STILL] * 5))
    found = work_on([*clip[:2], SegmentStart(first=2), *clip[2:]])
    apart = [*work_on([*clip[:2]]), *work_on([*clip[2:]])]
    assert all(torch.equal(a, b) for a, b in zip(found, apart, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(found, work_on([*clip]), strict=True))


def test_items_keep_their_order_and_no_more_frames_are_held_back_than_are_asked_ahead() -> None:
    clip, packets = frames_of(noisy(*[STILL] * 5)), [SidePacket(str(number), 1) for number in range(4)]
    items = [packets[0], clip[0], packets[1], clip[1], packets[2], clip[2], clip[3], clip[4], packets[3]]
    taken: list[object] = []

    def watched() -> Iterator[Frame | SidePacket]:
        for item in items:
            taken.append(item)
            yield item

    work = NeighborWork(recipe(), 2, 1, torch.device("cpu"))
    given: list[Frame | SidePacket] = []
    for item in work.around(watched()):
        given.append(item)
        ahead = sum(isinstance(one, Frame) for one in taken) - sum(isinstance(one, Frame) for one in given)
        assert ahead <= 2
    assert given == items


def test_planning_a_frame_that_was_not_just_given_out_is_an_error() -> None:
    clip = frames_of(noisy(STILL, STILL))
    work = NeighborWork(recipe(), 1, 1, torch.device("cpu"))
    next(iter(work.around(clip)))
    with pytest.raises(RuntimeError, match="as they are given out"):
        work.plan(clip[1])


def test_tiles_make_no_difference(tmp_path: Path) -> None:
    source = written(tmp_path / "in.mkv", noisy(*[STILL] * 3))
    whole, tiled = (run(source, tmp_path / "out.mkv", neighbors=1, tile=tile)[1] for tile in (0, 40))
    assert (whole - tiled).abs().max() < 2e-3
    assert (whole - tiled).abs().mean() < 1e-5


def test_without_fidelity_the_restorers_answer_is_not_moved() -> None:
    made = replace(recipe(), fidelity=0.0)
    assert torch.equal(restore_native(made, STILL[None]), made.restorer.restore(STILL[None], LEVELS.cells(STILL[None])))
    found, moved = (work_on([*frames_of(noisy(*[STILL] * 3, codes=8.0))], 1, each) for each in (made, recipe()))
    assert not torch.equal(found[1], moved[1])


class Stopping:
    """Stops the work after some frames and keeps the plan's lines."""

    def __init__(self, after: int | None = None) -> None:
        self.after, self.lines = after, list[str]()

    def planned(self, plan: Plan) -> None:
        self.lines = plan.lines()

    def progressed(self, done: int, total: int | None) -> None:
        if done == self.after:
            raise OSError("stopped")

    def warned(self, text: str) -> None: ...


def slow_clip(path: Path) -> str:
    """65 noisy frames of one scene, one a second: segments end at 30 and 60 s because they must."""
    with av.open(str(path), "w") as out:
        film = out.add_stream("ffv1", rate=1)
        film.width, film.height, film.pix_fmt = 64, 64, "bgr0"
        for moment, y in enumerate(noisy(*[STILL] * 65)):
            codes = (y[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
            frame = av.VideoFrame.from_ndarray(codes, "rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = moment, Fraction(1)
            out.mux(film.encode(frame))
        out.mux(film.encode(None))
    return str(path)


def test_a_job_that_goes_on_gives_the_frames_of_one_that_never_stopped(tmp_path: Path) -> None:
    source = slow_clip(tmp_path / "in.mkv")
    settings = Settings(**{**FAST, "restorer": "deband"}, neighbors=2)  # type: ignore[arg-type]
    restore(source, str(tmp_path / "whole.mkv"), settings)
    with pytest.raises(OSError, match="stopped"):
        restore(source, str(tmp_path / "cut.mkv"), settings, Stopping(40))
    summary = restore(source, str(tmp_path / "cut.mkv"), settings)
    assert summary.kept_frames == 30
    assert make.samples(tmp_path / "cut.mkv") == make.samples(tmp_path / "whole.mkv")


def test_frames_keep_their_times_and_the_sound_its_place(tmp_path: Path) -> None:
    stamps = make.clip(tmp_path / "in.mkv", audio="flac", pts=[0, 20, 50, 60, 95, 110])
    restore(str(tmp_path / "in.mkv"), str(tmp_path / "out.mkv"), Settings(restorer="deband", neighbors=2, device="cpu"))
    with open_source(str(tmp_path / "out.mkv"), Settings()) as source:
        found = [round(item.seconds * 1000) for item in source if isinstance(item, Frame)]
    assert found == stamps
    assert make.sound(tmp_path / "out.mkv") == make.sound(tmp_path / "in.mkv")


def test_the_plan_says_how_many_are_asked(tmp_path: Path) -> None:
    source, plans = written(tmp_path / "in.mkv", noisy(STILL, STILL)), Stopping()
    restore(source, str(tmp_path / "out.mkv"), Settings(**FAST, neighbors=2), plans)  # type: ignore[arg-type]
    assert any("asking 2 frames on each side" in line for line in plans.lines)


def test_a_single_picture_has_no_neighbors(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(UsageError, match="expected a video or a folder of its frames with --neighbors"):
        restore(str(tmp_path / "in.png"), str(tmp_path / "out.png"), Settings(neighbors=1))


def test_what_a_codec_has_changed_is_refused(tmp_path: Path) -> None:
    make.enlarged_clip(tmp_path / "in.mp4", [make.grained(1, 64)] * 3, (1, 1), crf=30)
    with pytest.raises(UsageError, match="--temporal flow"):
        restore(str(tmp_path / "in.mp4"), str(tmp_path / "out.mkv"), Settings(restorer="deband", neighbors=1))
    assert not (tmp_path / "out.mkv").exists()


def test_cells_that_come_in_blocks_are_refused(tmp_path: Path) -> None:
    source = written(tmp_path / "in.mkv", noisy(STILL, STILL))
    with pytest.raises(UsageError, match="expects levels or a palette, got"):
        run(source, tmp_path / "out.mkv", quantizer="jpeg:50", neighbors=1)


@pytest.mark.parametrize(("wrong", "said"), [({"neighbors": -1}, "from 0 to 4"), ({"neighbors": 5}, "from 0 to 4"),
                                             ({"neighbors": 1, "live": True}, "--live cannot")])  # fmt: skip
def test_settings_that_cannot_be_are_refused(wrong: dict[str, int], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Settings(**wrong)  # type: ignore[arg-type]
