"""Pictures that arrive one after another: kinds, latency, memory, sameness."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from make import gradient, rgb8

import vdequant
from vdequant.errors import UsageError
from vdequant.streaming import FrameRestorer

FAST = {"restorer": "deband", "device": "cpu"}
SHAPES = ["hwc", "nhwc", "hw", "chw", "nchw", "torch hwc"]


def coarse(shift: int = 0) -> np.ndarray:
    """The ramp ``(16, 24, 3)`` at four levels a channel, uint8."""
    return vdequant.quantize(rgb8(shift=shift), "m=4")


def shaped(picture: np.ndarray, shape: str) -> np.ndarray | torch.Tensor:
    if shape == "hw":
        return picture[..., 0]
    if shape in ("hwc", "nhwc"):
        return picture if shape == "hwc" else np.stack([picture, picture[::-1]])
    tensor = torch.from_numpy(picture)
    if shape == "torch hwc":
        return tensor
    tensor = tensor.permute(2, 0, 1)
    return tensor if shape == "chw" else torch.stack([tensor, tensor.flip(-1)])


@pytest.mark.parametrize("dtype", ["float32", "uint8", "uint16"])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_comes_out_is_of_the_kind_that_went_in(shape: str, dtype: str) -> None:
    frames = [shaped(coarse(shift), shape) for shift in range(3)]
    results = list(vdequant.restore_frames(frames, "m=4", dtype=dtype, **FAST))
    assert len(results) == 3
    for frame, result in zip(frames, results, strict=True):
        assert type(result) is type(frame)
        assert result.shape == frame.shape
        assert str(result.dtype).removeprefix("torch.") == dtype


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float16", "float32", "float64", "tensor", "bfloat16"])
def test_all_types_of_samples_are_taken(kind: str) -> None:
    codes = coarse()
    made = {
        "uint8": codes,
        "uint16": codes.astype(np.uint16) * 257,
        "tensor": torch.from_numpy(codes.astype(np.uint16) * 257),
        "bfloat16": (torch.from_numpy(codes) / 255).bfloat16(),
    }
    frame = made.get(kind, (codes / 255).astype(kind) if kind.startswith("float") else None)
    (result,) = vdequant.restore_frames([frame], "m=4", **FAST)
    expected = vdequant.dequantize(codes, "m=4", **FAST)
    assert np.abs(np.asarray(result) - expected).max() < (0.02 if kind == "bfloat16" else 3e-3)


def test_the_results_are_those_of_dequantize() -> None:
    frames = np.stack([coarse(shift) for shift in range(4)])
    streamed = np.stack(list(vdequant.restore_frames(iter(frames), "m=4", **FAST)))
    np.testing.assert_array_equal(streamed, vdequant.dequantize(frames, "m=4", **FAST))


def test_the_loss_is_found_in_the_first_pictures() -> None:
    noise = torch.rand(14, 96, 96, 3).numpy() * 0.1
    fine = [gradient(96, 96, 3 * i).movedim(0, -1).numpy() * 0.9 + noise[i] for i in range(14)]
    frames = [vdequant.quantize((picture * 255).round().astype(np.uint8), "m=6") for picture in fine]
    results = list(vdequant.restore_frames(frames, **FAST))
    before = np.mean([np.abs(frame / 255 - picture).mean() for frame, picture in zip(frames, fine, strict=True)])
    after = np.mean([np.abs(result - picture).mean() for result, picture in zip(results, fine, strict=True)])
    assert after < 0.9 * before


def test_results_rounded_to_eight_bits_still_lie_in_their_cells() -> None:
    frames = [coarse(shift) for shift in range(3)]
    for frame, result in zip(frames, vdequant.restore_frames(frames, "m=4", dtype="uint8", **FAST), strict=True):
        assert not np.array_equal(result, frame)
        np.testing.assert_array_equal(vdequant.quantize(result, "m=4"), frame)


class Player:
    """An emulator: counts the pictures that it was asked for, and remembers those that still live."""

    def __init__(self, count: int) -> None:
        self.count, self.asked = count, 0
        self.alive: list[weakref.ref[np.ndarray]] = []

    def __iter__(self) -> Iterator[np.ndarray]:
        for number in range(self.count):
            self.asked += 1
            frame = coarse(number)
            self.alive.append(weakref.ref(frame))
            yield frame
            del frame

    def living(self) -> int:
        return sum(frame() is not None for frame in self.alive)


@pytest.mark.parametrize(("quantizer", "look_ahead", "held"), [("m=4", 12, 1), ("auto", 5, 5), ("auto", 1, 1)])
def test_no_more_pictures_are_held_back_than_was_said(quantizer: str, look_ahead: int, held: int) -> None:
    player = Player(9)
    asked = []
    for _ in vdequant.restore_frames(player, quantizer, look_ahead=look_ahead, **FAST):
        asked.append(player.asked)
    assert asked == [max(held, number) for number in range(1, 10)]


def test_pictures_are_not_kept() -> None:
    player = Player(40)
    most = max(player.living() for _ in vdequant.restore_frames(player, look_ahead=4, **FAST))
    assert most <= 5


def test_fewer_pictures_than_are_held_back_come_out_all_the_same() -> None:
    assert len(list(vdequant.restore_frames([coarse(), coarse(1)], **FAST))) == 2
    assert list(vdequant.restore_frames([], **FAST)) == []


def test_a_repeated_picture_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    restorer = FrameRestorer("m=4", **FAST)
    work = restorer.look([coarse()])
    calls = []
    real = type(work).restore
    monkeypatch.setattr(type(work), "restore", lambda self, x: calls.append(1) or real(self, x))
    first, again, other = restorer(coarse()), restorer(coarse()), restorer(coarse(3))
    assert len(calls) == 2
    np.testing.assert_array_equal(first, again)
    first[:] = 0  # the caller's to change
    np.testing.assert_array_equal(restorer(coarse(3)), other)
    np.testing.assert_array_equal(restorer(coarse()), again)


def test_a_picture_off_the_grid_or_of_another_size_is_restored_as_stored() -> None:
    big = [coarse(i).repeat(3, 0).repeat(3, 1) for i in range(3)]
    odd = big[0].copy()
    odd[4, 4] = 255 - odd[4, 4]
    on_grid, off_grid, small = vdequant.restore_frames([big[0], odd, coarse()], "m=4", **FAST)
    np.testing.assert_array_equal(on_grid[::3], on_grid[1::3])
    assert not np.array_equal(off_grid[::3], off_grid[1::3])
    assert small.shape == (16, 24, 3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"dtype": "int8"}, "uint16"), ({"look_ahead": 0}, "look_ahead"), ({"quantizer": "mp3"}, "m=LEVELS"),
     ({"fidelity": 2.0}, "fidelity"), ({"restorer": "waifu"}, "cellnet-m")],
)  # fmt: skip
def test_options_that_do_not_exist_are_refused_before_the_first_picture(changes: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        vdequant.restore_frames([], **changes)


def test_something_else_than_a_picture_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match=r"got an array of \(4,\)") as caught:
        list(vdequant.restore_frames([np.zeros(4, np.uint8)], "m=4", **FAST))
    assert "\n" not in str(caught.value)
