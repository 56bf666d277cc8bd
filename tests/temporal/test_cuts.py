"""Cuts are found at once; motion, repetition and small changes are none."""

from __future__ import annotations

import torch
from torch import Tensor

from vdequant.temporal.cuts import CutDetector


def place(seed: int, shift: int = 0, light: float = 1.0) -> Tensor:
    coarse = torch.rand(1, 3, 6, 12, generator=torch.Generator().manual_seed(seed))
    wide = torch.nn.functional.interpolate(coarse, (48, 160), mode="bicubic").clamp(0, 1) * light
    return wide[..., shift : shift + 64].contiguous()


def starts(pictures: list[Tensor]) -> list[int]:
    detector = CutDetector()
    return [moment for moment, picture in enumerate(pictures) if detector.starts_shot(picture)]


def test_the_first_picture_and_the_one_after_a_cut_begin_shots() -> None:
    assert starts([place(1), place(1), place(1), 0.3 * place(2), 0.3 * place(2)]) == [0, 3]


def test_a_scroll_is_no_cut() -> None:
    assert starts([place(1, shift=4 * moment) for moment in range(12)]) == [0]


def test_a_fade_is_no_cut() -> None:
    assert starts([place(1, light=1 - moment / 20) for moment in range(20)]) == [0]


def test_a_sprite_is_no_cut() -> None:
    pictures = [place(1) for _ in range(4)]
    pictures[2][..., 10:26, 10:26] = 1
    assert starts(pictures) == [0]


def test_another_size_begins_a_shot() -> None:
    assert starts([place(1), place(1)[..., :32]]) == [0, 1]


def test_what_differs_no_more_than_the_motion_before_is_no_cut() -> None:
    shaking = [place(1, shift=48 * (moment % 2)) for moment in range(20)]
    assert starts([*shaking, place(1, light=0.6)]) == [0]
    assert starts([*[place(1, shift=48)] * 20, place(1, light=0.6)]) == [0, 20]
