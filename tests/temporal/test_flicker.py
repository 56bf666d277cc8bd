"""What is shown every other frame: recognized, kept or blended."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.temporal.base import RestoredFrame
from vdequant.temporal.flicker import Blend, Returning

CELLS = ToleranceQuantizer(4 / 255).cells


def ground() -> Tensor:
    return torch.linspace(0.2, 0.6, 40).expand(1, 3, 32, 40).contiguous()


def with_sprite(moment: int, *, step: int = 0, every: int = 2) -> Tensor:
    picture = ground()
    if moment % every == 0:
        picture[..., 8:24, 4 + step * moment : 20 + step * moment] = 0.95
    return picture


def run(pictures: list[Tensor]) -> list[Tensor]:
    blend = Blend()
    out = [frame for y in pictures for frame in blend.push(RestoredFrame(y, y.clone(), CELLS))]
    return [frame.restored for frame in [*out, *blend.flush()]]


def test_a_sprite_of_every_other_frame_becomes_half_transparent_in_all_frames() -> None:
    expected = (with_sprite(0) + ground()) / 2
    for found in run([with_sprite(moment) for moment in range(9)]):
        torch.testing.assert_close(found, expected)


def test_alternating_phases_of_a_checkerboard_become_one_shade() -> None:
    board = (torch.arange(32)[:, None] + torch.arange(40)) % 2
    phases = [(board ^ (moment % 2)).expand(1, 3, 32, 40).float() * 0.5 + 0.2 for moment in range(8)]
    for found in run(phases):
        torch.testing.assert_close(found, torch.full_like(found, 0.45))


def test_a_moving_sprite_that_flickers_is_blended_where_it_overlaps_itself() -> None:
    found = run([with_sprite(moment, step=1) for moment in range(9)])
    both = 0.5 * 0.95 + 0.5 * ground()
    for moment in (3, 4, 5):
        inside = (slice(None), slice(None), slice(8, 24), slice(8 + moment, 16 + moment))
        torch.testing.assert_close(found[moment][inside], both[inside])


@pytest.mark.parametrize("every", [3, 4, 100])
def test_slower_blinking_and_single_flashes_are_left_alone(every: int) -> None:
    pictures = [with_sprite(moment + 1, every=every) for moment in range(12)]
    assert all(torch.equal(a, b) for a, b in zip(run(pictures), pictures, strict=True))


def test_a_sprite_that_only_moves_is_left_alone() -> None:
    pictures = [with_sprite(moment, step=2, every=1) for moment in range(8)]
    assert all(torch.equal(a, b) for a, b in zip(run(pictures), pictures, strict=True))


def test_small_noise_is_no_flicker() -> None:
    noisy = [ground() + (1 / 255) * (moment % 2) for moment in range(8)]
    assert all(torch.equal(a, b) for a, b in zip(run(noisy), noisy, strict=True))


def test_alternation_is_known_from_four_frames_without_looking_ahead() -> None:
    returning = Returning()
    returning.restart(with_sprite(0))
    assert [returning(with_sprite(moment)) for moment in (1, 2)] == [None, None]
    found = returning(with_sprite(3))
    assert found is not None
    assert found[8:24, 4:20].all()
    assert found.sum() == 16 * 16
    returning.restart(ground())
    assert [returning(ground()) for _ in range(3)] == [None] * 3
