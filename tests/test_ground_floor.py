"""Frames, settings, checks and errors say clearly what is wrong."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from vdequant.bluenoise import SIDE, blue_noise
from vdequant.checks import check_choice, check_fraction, check_picture, check_same_shape
from vdequant.errors import InputError, UsageError, VdequantError
from vdequant.frames import Frame, Layout, Matrix
from vdequant.settings import Settings


def test_frames_print_sizes_and_not_numbers() -> None:
    frame = Frame((torch.zeros(2, 4, dtype=torch.uint8),), Layout(4, 2, "gray"), 7, Fraction(1, 60))
    assert repr(frame) == "Frame(4x2 gray8, pts=7, time_base=1/60)"
    assert frame.seconds == pytest.approx(7 / 60)


def test_frames_refuse_planes_that_do_not_fit_their_layout() -> None:
    plane = torch.zeros(2, 4, dtype=torch.uint8)
    with pytest.raises(ValueError, match="3 planes"):
        Frame((plane,), Layout(4, 2))
    with pytest.raises(ValueError, match="plane 1"):
        Frame((plane, plane, plane), Layout(4, 2, "yuv", 8, (1, 1), Matrix.BT709))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Layout(0, 4),
        lambda: Layout(4, 4, bits=7),
        lambda: Layout(4, 4, "yuv"),
        lambda: Layout(4, 4, "yuv", matrix=Matrix.UNSPECIFIED),
    ],
)
def test_impossible_layouts_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    "wrong",
    [
        {"fidelity": 1.5},
        {"matrix": "609"},
        {"range": "full"},
        {"chroma": "410"},
        {"bits": 7},
        {"scale": 17},
        {"start": -1.0},
        {"workers": -2},
        {"dither": "maybe"},
    ],
)
def test_settings_refuse_values_outside_their_range(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="expected --"):
        Settings(**wrong)  # type: ignore[arg-type]


def test_usage_errors_exit_with_2_and_others_with_1() -> None:
    assert UsageError.exit_code == 2
    assert InputError.exit_code == VdequantError.exit_code == 1


def test_checks_name_what_they_expected() -> None:
    with pytest.raises(ValueError, match=r"\(N, 3, H, W\)"):
        check_picture(torch.rand(3, 4, 4))
    with pytest.raises(ValueError, match="floating point"):
        check_picture(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))
    with pytest.raises(ValueError, match="one shape"):
        check_same_shape(torch.rand(1), torch.rand(2))
    with pytest.raises(UsageError, match="between 0 and 1"):
        check_fraction(2.0, "--fidelity")
    with pytest.raises(UsageError, match="one of a, b"):
        check_choice("c", ("a", "b"), "--what")


def test_blue_noise_is_uniform_and_has_little_low_frequency() -> None:
    noise = blue_noise(SIDE, SIDE, torch.device("cpu"))
    assert torch.equal(noise.flatten().sort().values, (torch.arange(SIDE * SIDE) + 0.5) / (SIDE * SIDE))
    spectrum = torch.fft.fft2(noise - noise.mean()).abs().square()
    white = torch.fft.fft2(torch.rand(SIDE, SIDE) - 0.5).abs().square()
    assert spectrum[:5, :5].sum() < 0.1 * white[:5, :5].sum()
