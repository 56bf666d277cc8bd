"""The motion-compensated mean: steadier where nothing happens, sharp where something does."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vdequant.metrics.fidelity import psnr
from vdequant.metrics.temporal import flicker, warping_error
from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.temporal.base import RestoredFrame
from vdequant.temporal.flow import Flow, LiveFlow

TOLERANCE = ToleranceQuantizer(4 / 255)
COUNT = 8


def place(seed: int = 3, width: int = 64) -> Tensor:
    coarse = torch.rand(1, 3, 12, 12 * width // 64, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, (64, width), mode="bicubic").clamp(0.1, 0.9)


def behind_a_codec(pictures: list[Tensor], seed: int = 1, size: float = 2 / 255) -> list[Tensor]:
    """Each picture with noise of its own."""
    generator = torch.Generator().manual_seed(seed)
    return [(x + size * torch.randn(x.shape, generator=generator)).clamp(0, 1) for x in pictures]


def texture(width: int) -> Tensor:
    """Fine, and of little contrast: what a camera's first step changes little."""
    fine = torch.rand(1, 1, 32, width // 2, generator=torch.Generator().manual_seed(7))
    return 0.3 + 0.2 * torch.nn.functional.interpolate(fine, (64, width), mode="bicubic").expand(1, 3, 64, width)


def subsampled(x: Tensor) -> Tensor:
    """4:2:0: luma of its own for each pixel, color for squares of 2x2."""
    luma = (x * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True)
    color = torch.nn.functional.avg_pool2d(x - luma, 2).repeat_interleave(2, -1).repeat_interleave(2, -2)
    return (luma + color).clamp(0, 1)


def run(stored: list[Tensor], flow: Flow | None = None) -> Tensor:
    flow = flow or Flow()
    ready = [f for y in stored for f in flow.push(RestoredFrame(y, y.clone(), TOLERANCE.cells))]
    return torch.cat([f.restored for f in [*ready, *flow.flush()]])


def with_box(x: Tensor, left: int) -> Tensor:
    x = x.clone()
    x[..., 20:36, left : left + 16] = torch.tensor([0.95, 0.2, 0.1]).view(3, 1, 1)
    return x


def test_flicker_of_a_still_place_is_more_than_halved_and_it_comes_nearer_to_the_truth() -> None:
    truth = [place()] * COUNT
    stored = behind_a_codec(truth)
    before, after, clean = torch.cat(stored), run(stored), torch.cat(truth)
    assert flicker(after, clean) < flicker(before, clean) / 2
    assert psnr(after[-1:], clean[-1:]) > psnr(before[-1:], clean[-1:]) + 4


def test_looking_ahead_the_first_looks_at_a_place_are_as_steady_as_later_ones() -> None:
    truth = [place()] * (2 * COUNT)
    stored = behind_a_codec(truth)
    live, found, clean = run(stored, LiveFlow()), run(stored), torch.cat(truth)
    assert flicker(found, clean) < flicker(live, clean) / 10
    assert psnr(found[:1], clean[:1]) > psnr(live[:1], clean[:1]) + 6
    torch.testing.assert_close(found[-1], live[-1])


@pytest.mark.parametrize("step", [4, 16])
def test_nothing_shows_before_it_is_there(step: int) -> None:
    passed = [place() for _ in range(0, 48, step)]
    for left, picture in zip(range(0, 48, step), passed, strict=True):
        picture[..., 20:36, left : left + 16] = torch.tensor([0.1, 0.0, 0.05]).view(3, 1, 1)
    found = run([place()] * 4 + passed)
    assert (found[:4] - place()).abs().max() < 1e-5
    torch.testing.assert_close(found[4, :, :, 24:], place()[0, :, :, 24:], rtol=0, atol=1e-5)


def test_beside_a_moving_sprite_flicker_is_halved_too_and_the_sprite_stays() -> None:
    truth = [with_box(place(), 4 + 3 * moment) for moment in range(COUNT)]
    stored = behind_a_codec(truth)
    before, after, clean = torch.cat(stored), run(stored), torch.cat(truth)
    assert flicker(after, clean) < flicker(before, clean) / 2
    assert (psnr(after, clean) >= psnr(before, clean) - 1e-6).all()


def test_a_scroll_is_followed_and_no_more_restless_than_before() -> None:
    wide = place(4, 96)
    truth = [wide[..., 2 * moment : 2 * moment + 64].contiguous() for moment in range(COUNT)]
    stored = behind_a_codec(truth)
    before, after, clean = torch.cat(stored), run(stored), torch.cat(truth)
    assert warping_error(after, clean) < warping_error(before, clean)
    assert psnr(after, clean).mean() > psnr(before, clean).mean()


def test_a_sudden_change_shows_at_once() -> None:
    stored = [place()] * 4 + [with_box(place(), 30)] * 2
    found = run(stored)
    torch.testing.assert_close(found[4, :, 22:34, 32:44], stored[4][0, :, 22:34, 32:44], rtol=0, atol=1e-5)


def test_something_faint_that_appears_shows_at_once() -> None:
    faint = place(5).mean() + 0.2 * (place() - place().mean())
    lettered = faint.clone()
    lettered[..., 24:36:3, 20:44] += 10 / 255
    found = run([faint] * 6 + [lettered] * 2)
    shown = (found[6] - lettered[0]).abs()[:, 24:36:3, 20:44]
    assert shown.max() <= 1 / 255


def test_letters_that_follow_others_of_the_same_luma_as_their_ground_show_at_once() -> None:
    """Where one text gives way to another, as much color comes as goes."""
    ground = 0.35 + 1.5 * (texture(64) - 0.4)
    color = torch.tensor([0.31, -0.14, -0.09]).view(3, 1, 1)  # of no luma
    texts = [ground.clone(), ground.clone()]
    for text, first in zip(texts, (16, 18), strict=True):
        for stroke in (first, first + 1):
            text[..., 24:40, stroke:48:4] += color
    truth = [text.clamp(0, 1) for text in [texts[0]] * 12 + [texts[1]] * 6]
    error = (run(behind_a_codec(truth)) - torch.cat(truth)).abs()[..., 24:40, 16:48].mean((1, 2, 3))
    assert error.max() < 2 / 255


@pytest.mark.parametrize("step", [-0.01, -0.03, 0.02])
def test_a_fade_is_followed(step: float) -> None:
    stored = [place(), *((place() * (1 + step * moment)).clamp(0, 1) for moment in range(COUNT))]
    found = run(stored)
    behind = (found - torch.cat(stored)).abs().mean(dim=(1, 2, 3))
    assert behind.max() < 2 / 255
    assert behind.max() < place().mean() * abs(step)  # less than what one frame brings


def test_color_that_bleeds_from_what_passes_neither_flickers_nor_stays() -> None:
    # The color of squares of 2x2 pixels is shared, and a bright box passes in whose squares there is ground, too.
    ground = torch.tensor([0.3, 0.45, 0.7]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    truth = []
    for left in (*[-20] * 8, *range(-13, 64, 4), *[64] * 6):
        picture = ground.clone()
        picture[..., 21:35, max(0, left) : max(0, left + 13)] = torch.tensor([0.95, 0.85, 0.55]).view(3, 1, 1)
        truth.append(picture)
    stored = [subsampled(x) for x in truth]
    before, after, clean = torch.cat(stored), run(stored), torch.cat(truth)
    assert flicker(after, clean) < flicker(before, clean) / 4
    still = (clean == clean[0]).all(0).all(0)
    assert (before - clean).abs()[..., still].max() > 60 / 255
    assert (after[-1] - clean[-1]).abs()[..., still].max() < 4 / 255


def test_a_camera_that_begins_to_move_after_a_long_rest_smears_nothing() -> None:
    wide = texture(96)
    truth = [wide[..., max(0, moment - 12) :][..., :64].contiguous() for moment in range(20)]
    stored = behind_a_codec(truth)
    before, after, clean = torch.cat(stored), run(stored), torch.cat(truth)
    moving = slice(12, None)
    assert warping_error(after[moving], clean[moving]) <= warping_error(before[moving], clean[moving])
    assert (psnr(after, clean)[moving] >= psnr(before, clean)[moving] - 0.1).all()


def test_what_alternates_is_kept() -> None:
    low = 6 / 255  # less than what counts as another place
    phases = [place() + low * (-1) ** moment * (place(9) > 0.5) for moment in range(COUNT)]
    found = run(phases)
    for moment in range(4, COUNT):
        changes = (phases[moment] - phases[moment - 1]).abs().amax(1) > 0.5 * low
        assert (found[moment] - phases[moment][0]).abs().amax(0)[changes[0]].max() < 1e-5


def test_what_is_carried_along_stays_in_its_cell() -> None:
    wide = place(4, 96)
    stored = behind_a_codec([wide[..., 3 * moment : 3 * moment + 64].contiguous() for moment in range(COUNT)])
    moving = torch.cat(stored)
    inside = TOLERANCE.cells(moving).contains(run(stored))
    assert inside.float().mean() > 0.98


def zoomed(times: float, side: int = 96) -> Tensor:
    """A texture enlarged about its middle."""
    detail = torch.nn.functional.interpolate(
        torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(5)), (side, side), mode="bicubic"
    )
    grid = torch.nn.functional.affine_grid(torch.eye(2, 3)[None] / times, [1, 3, side, side], align_corners=False)
    moved = torch.nn.functional.grid_sample(detail, grid, mode="bicubic", padding_mode="border", align_corners=False)
    return (0.3 + 0.4 * moved).clamp(0, 1)


def turned(moment: int, side: int = 96) -> Tensor:
    """From red to blue of nearly the same luma, along a direction that turns slowly."""
    angle = torch.tensor(0.02 * moment)
    down, across = torch.meshgrid(torch.linspace(-0.5, 0.5, side), torch.linspace(-0.5, 0.5, side), indexing="ij")
    share = (0.5 + 0.7 * (across * torch.cos(angle) + down * torch.sin(angle))).clamp(0, 1)
    ends = torch.tensor([[0.6, 0.15, 0.1], [0.1, 0.3, 0.75]])
    return (ends[0].view(3, 1, 1) * share + ends[1].view(3, 1, 1) * (1 - share))[None]


SLOW = {
    "a zoom by parts of a pixel": [zoomed(1.006**moment) for moment in range(24)],
    "a sky that turns": [turned(moment) for moment in range(60)],
    "a fade": [place(3, 96) * (0.2 + 0.025 * moment) for moment in range(24)],
}


@pytest.mark.parametrize("truth", SLOW.values(), ids=SLOW)
def test_the_mean_does_not_lag_behind_what_changes_slowly(truth: list[Tensor]) -> None:
    stored = behind_a_codec(truth)
    before, after, clean = (torch.cat(pictures) for pictures in (stored, [*run(stored).split(1)], truth))
    late = slice(len(truth) // 2, None)
    frame_by_frame = psnr(before[late], clean[late]).mean()
    assert psnr(after[late], clean[late]).mean() > frame_by_frame - 0.6  # a lag costs 10 dB and more


def test_where_colors_are_certain_another_one_is_shown_at_once_however_near_it_is() -> None:
    stored = [place()] * COUNT + [place()]
    stored[-1][..., 24:40, 24:40] += 2 / 255
    certain = torch.zeros(1, 1, 64, 64, dtype=torch.bool)
    certain[..., :32] = True
    shown = {}
    for known in (True, False):
        flow = Flow()
        told = (lambda _: certain) if known else None
        frames = [RestoredFrame(y, y.clone(), TOLERANCE.cells, certain=told) for y in stored]
        shown[known] = [*(done for frame in frames for done in flow.push(frame)), *flow.flush()][-1].restored
    left, right = (..., slice(24, 40), slice(24, 32)), (..., slice(24, 40), slice(32, 40))
    assert torch.equal(shown[True][left], stored[-1][left])
    assert torch.equal(shown[True][right], shown[False][right])
    assert (shown[False][left] < stored[-1][left] - 1 / 255).all()


def test_a_screen_that_is_tinted_for_a_while_is_shown_so_at_once_and_no_longer() -> None:
    """As a game does when something is picked up; its letters are of high contrast, where codecs err much."""
    screen = torch.full((1, 3, 64, 64), 0.1)
    screen[..., ::2] = 0.9
    tint = screen + 0.2 * (torch.tensor([0.55, 0.5, 0.4]).view(3, 1, 1) - screen)  # lighter and darker side by side
    truth = [screen] * 12 + [tint] * 4 + [screen] * 8
    stored = behind_a_codec(truth)
    before, after, clean = torch.cat(stored), run(stored), torch.cat(truth)
    assert (psnr(after, clean) >= psnr(before, clean) - 0.1).all()
    assert psnr(after, clean)[[8, 23]].min() > psnr(before, clean).mean() + 4


def test_where_pictures_are_doubtful_what_was_stored_tells_what_stands_still() -> None:
    """Colors of unmixed pixels jump between frames: that is no movement, and their mean is what stays."""
    stored = behind_a_codec([place()] * COUNT, size=0.5 / 255)
    jumping = []
    for moment, y in enumerate(stored):
        x = y.clone()
        x[..., 20:28, 20:28] = 0.9 if moment % 3 else 0.1
        jumping.append(x)

    def smoothed(doubtful: bool) -> Tensor:
        flow = Flow()
        pairs = zip(stored, jumping, strict=True)
        frames = [RestoredFrame(y, x, TOLERANCE.cells, pixelwise=False, doubtful=doubtful) for y, x in pairs]
        return torch.cat([f.restored for f in [*(f for frame in frames for f in flow.push(frame)), *flow.flush()]])

    still = torch.cat([place()] * COUNT)
    assert flicker(smoothed(doubtful=True), still) < flicker(smoothed(doubtful=False), still) / 4


def test_where_pictures_are_doubtful_a_slow_fade_is_followed_all_the_same() -> None:
    truth = [place() * (1 - 0.01 * moment) for moment in range(24)]
    flow = Flow()
    frames = [RestoredFrame(y, y.clone(), TOLERANCE.cells, pixelwise=False, doubtful=True) for y in truth]
    found = torch.cat([f.restored for f in [*(f for frame in frames for f in flow.push(frame)), *flow.flush()]])
    assert float((found - torch.cat(truth)).abs().mean()) < 1.5 / 255
