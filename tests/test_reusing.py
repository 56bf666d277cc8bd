"""Reuse gives the pictures of full inference, in every mode and to the last bit, and fails as a whole."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from vdequant.color import from_rgb
from vdequant.frame_work import Recipe, Restored, restore_planes
from vdequant.frames import Frame, Layout
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.snapping import SnappedQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.quantizers.video import VideoQuantizer
from vdequant.restorers.loading import load_restorer
from vdequant.reusing import MOST_TOGETHER, Job, ReusingWork, grain_of, reusing_workers
from vdequant.schedule.cpu import PlannedWorkers
from vdequant.schedule.stages import Workers, run_stages
from vdequant.schedule.together import GroupWorkers
from vdequant.temporal import reuse

HEIGHT, WIDTH = 72, 160
SOURCE = Layout(WIDTH, HEIGHT)
LEVELS = UniformQuantizer.of_bits((5, 5, 5))
CPU = torch.device("cpu")


def world(width: int = 480, seed: int = 0) -> Tensor:
    """A landscape with some detail, ``(3, HEIGHT, width)``."""
    noise = torch.rand(3, HEIGHT, width, generator=torch.Generator().manual_seed(seed))
    x, y = torch.arange(width) / 31, torch.arange(HEIGHT)[:, None] / 17
    smooth = torch.stack([0.5 + 0.4 * torch.sin(x + c) * torch.cos(y - c) for c in range(3)])
    return smooth + 0.1 * (noise - 0.5)


def still(t: int) -> Tensor:
    y = world()[..., :WIDTH].clone()
    y[:, 20:28, 10 + 3 * t : 18 + 3 * t] = 0.9
    return y


def scrolling(t: int, step: int = 2) -> Tensor:
    y = world()[..., step * t : step * t + WIDTH].clone()
    y[:, 4:14, 4:40] = 0.2
    return y


def returning(t: int) -> Tensor:
    y = world()[..., :WIDTH].clone()
    y[:, 30:38, 20 + 50 * (t % 2) : 28 + 50 * (t % 2)] = 0.9
    return y


def new_each_time(t: int) -> Tensor:
    return world(WIDTH, seed=t)


def falling(t: int) -> Tensor:
    """Content that moves up and across all borders, and comes to rest in between."""
    tall = torch.cat([world(200, seed=7), world(200, seed=8)], dim=-2)
    top = 3 * (t - t // 3)
    return tall[:, top : top + HEIGHT, top : top + WIDTH].clone()


def in_layers(t: int) -> Tensor:
    """Two layers that scroll at different speeds, a sprite, and an overlay."""
    y = world()[..., 2 * t : 2 * t + WIDTH].clone()
    y[:, 40:] = world(seed=1)[:, 40:, 5 * t : 5 * t + WIDTH]
    y[:, 28:36, 60 + t : 68 + t] = 0.8
    y[:, 4:12, 6:30] = 0.2
    return y


def returning_then_scrolling(t: int) -> Tensor:
    """Squares from long ago leave holes in what is known of the inner layers; then they move."""
    y = returning(min(t, 4))
    return y.roll(-3 * max(0, t - 4), -1)


MODES: dict[str, Callable[[int], Tensor]] = {
    "in place": still,
    "shift and overlay": scrolling,
    "shift in both directions": falling,
    "squares": returning,
    "squares that move": returning_then_scrolling,
    "nothing": new_each_time,
}


def frames_of(mode: Callable[[int], Tensor], quantizer: object = LEVELS, count: int = 6) -> list[Frame]:
    stored = [quantizer.quantize(mode(t)[None].clamp(0, 1)) for t in range(count)]  # type: ignore[attr-defined]
    planes = [from_rgb(picture, SOURCE) for picture in stored]
    return [Frame(tuple(p[0] for p in each), SOURCE, t, Fraction(1, 60)) for t, each in enumerate(planes)]


def recipe_of(name: str, dtype: torch.dtype = torch.float32, quantizer: object = LEVELS) -> Recipe:
    return Recipe(load_restorer(name).to(CPU, dtype), quantizer, Layout(WIDTH, HEIGHT, bits=16))  # type: ignore[arg-type]


def through(recipe: Recipe, frames: list[Frame], workers: int = 1, most: int = 1) -> tuple[list[Tensor], ReusingWork]:
    """The written planes of each frame, stacked; ``most``: frames that go together."""
    work = ReusingWork(recipe, grain_of(recipe), 8)
    pool: Workers[Restored] = PlannedWorkers(work.plan, workers)
    if most > 1:
        pool.close()
        pool = GroupWorkers(work.take, work.together, Job.is_alone, workers, most=most)
    written: list[Tensor] = []
    try:
        run_stages(frames, pool, lambda _, done: written.append(stacked(done)), reuse=0)
    finally:
        pool.close()
    return written, work


def stacked(done: Restored | None) -> Tensor:
    assert done is not None
    return torch.cat([plane.int() for plane in done.planes])


def in_full(recipe: Recipe, frame: Frame) -> Tensor:
    with torch.inference_mode():
        return stacked(restore_planes(recipe, tuple(p[None] for p in frame.planes), SOURCE, certify=False))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("mode", MODES)
def test_each_mode_gives_the_frames_of_full_inference(mode: str, dtype: torch.dtype) -> None:
    recipe, frames = recipe_of("cellnet-s", dtype), frames_of(MODES[mode], count=9)
    written, work = through(recipe, frames, workers=2)
    allowed = 0 if dtype == torch.float32 else 65535 // 1023
    assert all(int((a - in_full(recipe, f)).abs().max()) <= allowed for a, f in zip(written, frames, strict=True))
    given, new = work.shares()
    assert new <= given <= 1
    assert (given == 1) == (mode == "nothing")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("mode", MODES)
def test_frames_that_go_together_become_what_they_become_alone(mode: str, dtype: torch.dtype) -> None:
    recipe, frames = recipe_of("cellnet-s", dtype), frames_of(MODES[mode], count=9)
    alone, _ = through(recipe, frames)
    for most, workers in ((2, 1), (4, 2), (9, 1)):
        together, _ = through(recipe, frames, workers, most)
        assert all(torch.equal(a, b) for a, b in zip(together, alone, strict=True))
        if dtype == torch.float32:
            assert all(torch.equal(a, in_full(recipe, frame)) for a, frame in zip(together, frames, strict=True))


def test_frames_that_go_together_share_calls_of_the_network() -> None:
    recipe, frames, calls = recipe_of("cellnet-s"), frames_of(still, count=8), []
    go_on = recipe.restorer.go_on  # type: ignore[attr-defined]

    def counted(index: int, x: Tensor, *rest: object) -> Tensor:
        calls.append(len(x))
        result: Tensor = go_on(index, x, *rest)
        return result

    recipe.restorer.go_on = counted  # type: ignore[attr-defined]
    work = ReusingWork(recipe, grain_of(recipe), 8)
    with torch.inference_mode():
        jobs = [work.take(frame) for frame in frames]
        list(work.together(jobs[:1]))
        calls.clear()
        list(work.together(jobs[1:]))
    assert len(calls) < 7 * 4  # frames, and parts after the first
    assert max(calls) >= 7


def test_a_failure_in_a_group_reaches_whoever_waits_for_one_of_its_frames() -> None:
    recipe, frames = recipe_of("cellnet-s"), frames_of(still, count=4)
    work = ReusingWork(recipe, grain_of(recipe), 8)

    def broken(index: int, *rest: object) -> Tensor:
        raise RuntimeError("network broke")

    with torch.inference_mode():
        jobs = [work.take(frame) for frame in frames]
        list(work.together(jobs[:1]))
        recipe.restorer.go_on = broken  # type: ignore[attr-defined]
        with pytest.raises(RuntimeError, match="network broke"):
            list(work.together(jobs[1:]))
    for job in jobs[1:]:
        assert job.plan.ready.is_set()
        assert all(future.done() for future in job.inner)
        with pytest.raises(RuntimeError, match="network broke"):
            job.native.result()


def test_small_frames_go_together_and_large_ones_alone() -> None:
    recipe = recipe_of("cellnet-s")
    sizes = {"small": recipe.output, "large": Layout(3840, 2160, bits=16)}
    most = {name: ReusingWork(replace(recipe, output=size), None, 8).most for name, size in sizes.items()}
    assert most == {"small": MOST_TOGETHER, "large": 1}
    workers = reusing_workers(ReusingWork(recipe, grain_of(recipe), 8), 1, live=False)
    workers.close()
    assert isinstance(workers, GroupWorkers)
    workers = reusing_workers(ReusingWork(recipe, None, 8), 1, live=False)
    workers.close()
    assert isinstance(workers, PlannedWorkers)


def test_without_a_grain_nothing_is_planned() -> None:
    with pytest.raises(ValueError, match="expected a grain"):
        ReusingWork(recipe_of("identity"), None, 8).take(frames_of(still, count=1)[0])


@pytest.mark.parametrize("mode", [in_layers, falling, returning_then_scrolling])
def test_what_would_not_be_worth_it_is_right_as_well(
    mode: Callable[[int], Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reuse, "PARTS_NOT_WORTH", 9.0)
    recipe, frames = recipe_of("cellnet-s"), frames_of(mode, count=8)
    written, work = through(recipe, frames)
    assert all(torch.equal(a, in_full(recipe, frame)) for a, frame in zip(written, frames, strict=True))
    assert work.shares()[1] < 0.9


def test_a_long_scroll_gives_the_frames_of_full_inference() -> None:
    recipe, frames = recipe_of("cellnet-s"), frames_of(lambda t: scrolling(t, 8), count=20)
    written, work = through(recipe, frames, workers=2)
    assert all(torch.equal(a, in_full(recipe, frame)) for a, frame in zip(written, frames, strict=True))
    assert work.shares()[0] < 0.8


def test_pictures_larger_than_a_tile_are_reused_as_well() -> None:
    recipe = recipe_of("cellnet-s")
    frames = frames_of(still, count=3)
    written, work = through(replace(recipe, tile=100), frames)
    assert all(torch.equal(a, in_full(recipe, frame)) for a, frame in zip(written, frames, strict=True))
    assert work.shares()[0] < 1


@pytest.mark.parametrize("step", [3, 8])
def test_a_network_with_a_context_branch_reuses_only_in_its_steps(step: int) -> None:
    recipe, frames = recipe_of("cellnet-m"), frames_of(lambda t: scrolling(t, step), count=3)
    written, _ = through(recipe, frames)
    assert all(torch.equal(a, in_full(recipe, frame)) for a, frame in zip(written, frames, strict=True))


@pytest.mark.parametrize("step", [3, 4])
@pytest.mark.parametrize("name", ["cellnet-s", "cellnet-m"])
def test_squares_of_a_video_codecs_cells_are_kept_whole(name: str, step: int) -> None:
    codec = VideoQuantizer(4 / 255)
    recipe, frames = recipe_of(name, quantizer=codec), frames_of(lambda t: scrolling(t, step), count=4)
    written, _ = through(recipe, frames)
    assert all(torch.equal(a, in_full(recipe, frame)) for a, frame in zip(written, frames, strict=True))


@pytest.mark.parametrize("name", ["cellnet-s", "cellnet-m"])
def test_snapped_pixels_beside_those_of_a_video_codec_are_reused_to_the_last_bit(name: str) -> None:
    colors = torch.rand(40, 3, generator=torch.Generator().manual_seed(5)).mul(255).round() / 255
    palette = PaletteQuantizer(colors)
    snapped = SnappedQuantizer(colors[:30], palette, 4 / 255, 0.8, halved=True)
    recipe, frames = recipe_of(name, quantizer=snapped), frames_of(lambda t: scrolling(t, 4), palette, count=4)
    written, _ = through(recipe, frames)
    assert all(torch.equal(a, in_full(recipe, frame)) for a, frame in zip(written, frames, strict=True))


@pytest.mark.parametrize("name", ["deband", "identity"])
def test_other_restorers_are_reused_with_their_own_halo(name: str) -> None:
    recipe, frames = recipe_of(name), frames_of(still)
    written, _ = through(recipe, frames)
    assert all(torch.equal(a, in_full(recipe, frame)) for a, frame in zip(written, frames, strict=True))


def test_palettes_are_reused_to_the_last_bit() -> None:
    palette = PaletteQuantizer(torch.rand(12, 3, generator=torch.Generator().manual_seed(5)).mul(255).round() / 255)
    recipe, frames = recipe_of("cellnet-s", quantizer=palette), frames_of(scrolling, palette)
    written, work = through(recipe, frames)
    assert all(torch.equal(a, in_full(recipe, frame)) for a, frame in zip(written, frames, strict=True))
    assert work.shares()[0] < 1


def test_an_ordered_dither_is_reused_in_phase() -> None:
    dithered = DitherQuantizer(UniformQuantizer.of_levels(4), "bayer4")
    recipe, frames = recipe_of("cellnet-s", quantizer=dithered), frames_of(still, dithered)
    grain = grain_of(recipe)
    assert grain is None or grain.step % 4 == 0
    written, _ = through(recipe, frames)
    assert all(torch.equal(a, in_full(recipe, frame)) for a, frame in zip(written, frames, strict=True))


def test_cells_of_local_means_are_not_cut() -> None:
    assert grain_of(replace(recipe_of("cellnet-s"), dithered=True)) is None
    assert grain_of(recipe_of("cellnet-s")) is not None


def test_what_looks_at_single_pixels_is_quicker_done_than_planned() -> None:
    assert grain_of(recipe_of("identity")) is None


def test_content_of_a_frame_that_failed_fails_what_needs_it_and_nothing_hangs() -> None:
    recipe, frames = recipe_of("deband"), frames_of(returning, count=12)
    calls = iter(range(1000))
    restore = recipe.restorer.restore

    def broken(y: Tensor, cells: object) -> Tensor:
        if next(calls) == 1:
            raise RuntimeError("restorer broke")
        return restore(y, cells)  # type: ignore[arg-type]

    recipe.restorer.restore = broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="restorer broke"):
        through(recipe, frames, workers=2)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("vdequant")]


def test_results_of_long_ago_are_not_kept() -> None:
    recipe = recipe_of("deband")
    work = ReusingWork(recipe, grain_of(recipe), 8)
    old = []
    for frame in frames_of(still, count=6):
        start = work.plan(frame)
        (job,) = start.args  # type: ignore[attr-defined]
        start()
        old.append(weakref.ref(job.native))
    del job, start
    gc.collect()
    assert [reference() is not None for reference in old] == [False] * 5 + [True]


def test_work_that_restarts_copies_nothing_from_before() -> None:
    recipe = recipe_of("deband")
    work = ReusingWork(recipe, grain_of(recipe), certify_every=8)
    first, second, third = frames_of(still, count=3)
    assert work.plan(first)().inside is not None
    assert work.plan(second)().inside is None
    before = work.computed
    assert before < 2 * HEIGHT * WIDTH
    work.restart()
    assert work.plan(third)().inside is not None
    assert work.computed - before == HEIGHT * WIDTH
