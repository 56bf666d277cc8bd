"""The same pictures as array or tensor, of any depth, give the same result and come back as they were given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import make
import numpy as np
import pytest
import torch
from make import gradient, rgb8

import vdequant
from vdequant.errors import UsageError
from vdequant.quantizers import dither_finder

KINDS = ("uint8", "uint16", "float16", "float32", "float64")


def array(kind: str, gray: bool = False, count: int = 0) -> np.ndarray:
    """The ramp ``([count,] 16, 24[, 3])``."""
    codes = rgb8()[..., 0] if gray else rgb8()
    codes = np.stack([codes] * count) if count else codes
    if kind == "uint8":
        return codes
    return codes.astype(np.uint16) * 257 if kind == "uint16" else (codes / 255).astype(kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", [{}, {"gray": True}, {"count": 2}], ids=["color", "gray", "several"])
def test_arrays_come_back_in_their_kind_and_shape(kind: str, form: dict[str, int]) -> None:
    x = array(kind, **form)
    coarse = vdequant.quantize(x, "m=4")
    fine = vdequant.dequantize(coarse, "m=4", restorer="deband", device="cpu")
    assert (coarse.dtype, coarse.shape) == (x.dtype, x.shape)
    assert (fine.dtype, fine.shape) == (np.float32, x.shape)
    top = {"uint8": 255, "uint16": 65535}.get(kind, 1)
    np.testing.assert_allclose(np.unique(coarse / top), [0.125, 0.375, 0.625, 0.875], atol=3e-3)
    assert np.abs(fine - x / top).mean() < np.abs(coarse / top - x / top).mean()


@pytest.mark.parametrize("shape", [(3, 16, 24), (2, 3, 16, 24)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_tensors_come_back_in_their_kind_and_shape(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    x = gradient().expand(shape).to(dtype)
    coarse = vdequant.quantize(x, "m=4")
    fine = vdequant.dequantize(coarse, "m=4", restorer="deband", device="cpu")
    assert (coarse.dtype, coarse.shape) == (dtype, x.shape)
    assert (fine.dtype, fine.shape) == (torch.float32, x.shape)


def test_array_and_tensor_give_the_same_values() -> None:
    x = array("float32")
    for to in ("5-5-5+fs", "palette:8", "nes", "jpeg:20"):
        tensor = vdequant.quantize(torch.from_numpy(x).movedim(-1, 0), to)
        np.testing.assert_array_equal(tensor.movedim(0, -1).numpy(), vdequant.quantize(x, to))


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_tensors_of_codes_are_taken_as_arrays_are(kind: str) -> None:
    x = array(kind)
    tensor = torch.from_numpy(x).movedim(-1, 0)
    coarse = vdequant.quantize(tensor, "m=4")
    assert coarse.dtype == tensor.dtype
    np.testing.assert_array_equal(coarse.movedim(0, -1).numpy(), vdequant.quantize(x, "m=4"))
    fine = vdequant.dequantize(tensor, "m=4", restorer="deband", device="cpu")
    assert fine.dtype == torch.float32
    expected = vdequant.dequantize(x, "m=4", restorer="deband", device="cpu")
    np.testing.assert_array_equal(fine.movedim(0, -1).numpy(), expected)


@pytest.mark.parametrize("kind", ["uint16", "float32"])
def test_arrays_of_another_byte_order_are_read(kind: str) -> None:
    x = array(kind)
    np.testing.assert_array_equal(
        vdequant.quantize(x.astype(x.dtype.newbyteorder(">")), "m=4"), vdequant.quantize(x, "m=4")
    )


def test_dither_may_be_said_either_way() -> None:
    x = array("uint8")
    np.testing.assert_array_equal(vdequant.quantize(x, "m=3", dither="fs"), vdequant.quantize(x, "m=3+fs"))


def test_a_palette_is_made_for_all_pictures_together() -> None:
    x = array("uint8", count=2)
    x[1] = x[1][..., ::-1]
    together = vdequant.quantize(x, "palette:6").reshape(-1, 3)
    assert len(np.unique(together, axis=0)) <= 6


def test_nothing_given_is_written_to() -> None:
    x = array("float32")
    before = x.copy()
    vdequant.dequantize(vdequant.quantize(x, "none"), "m=8", restorer="identity", device="cpu")
    np.testing.assert_array_equal(x, before)


def test_quantizing_the_restored_array_gives_the_coarse_one_again() -> None:
    to = "m=4+bayer4"
    coarse = vdequant.quantize(torch.rand(3, 24, 24), to)
    kept, believed = (
        vdequant.dequantize(coarse, to, restorer="cellnet-s", fidelity=fidelity, device="cpu")
        for fidelity in (1.0, 0.0)
    )
    assert torch.equal(vdequant.quantize(kept, to), coarse)
    assert not torch.equal(vdequant.quantize(believed, to), coarse)


def test_auto_finds_the_loss_and_its_enlargement() -> None:
    noisy = (gradient(96, 96) * 0.9 + 0.1 * torch.rand(3, 96, 96)).movedim(0, -1).numpy()
    coarse = np.repeat(np.repeat(vdequant.quantize((noisy * 255).round().astype(np.uint8), "m=6"), 2, 0), 3, 1)
    fine = vdequant.dequantize(coarse, restorer="deband", device="cpu")
    assert fine.shape == coarse.shape
    np.testing.assert_array_equal(fine[::2], fine[1::2])  # restored at its native size and enlarged again
    assert np.abs(fine[::2, ::3] - noisy).mean() < np.abs(coarse[::2, ::3] / 255 - noisy).mean()


def test_fine_pictures_are_left_alone_by_auto() -> None:
    x = torch.rand(3, 48, 48)
    torch.testing.assert_close(vdequant.dequantize(x, device="cpu"), x, rtol=0, atol=0)


def test_where_nothing_was_lost_nothing_is_done() -> None:
    """With what looks like levels, a palette or dither, and is said to be whole."""
    for to in ("m=4", "palette:16", "5-5-5+bayer4"):
        coarse = vdequant.quantize(torch.rand(3, 48, 48), to)
        kept = vdequant.dequantize(coarse, "none", device="cpu")
        torch.testing.assert_close(kept, coarse, rtol=0, atol=1e-5)


def test_gray_that_becomes_colored_is_refused_with_the_remedy() -> None:
    with pytest.raises(UsageError, match=r"np\.stack"):
        vdequant.quantize(array("uint8", gray=True), "5-6-5")


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([[0, 1]], "got list"),
        (np.zeros((4, 4, 4), np.uint8), r"x\[\.\.\., :3\]"),
        (np.zeros((4,), np.uint8), r"got an array of \(4,\)"),
        (np.zeros((0, 4, 3), np.uint8), r"got an array of \(0, 4, 3\)"),
        (np.zeros((4, 4, 3), np.int64), "got int64"),
        (np.full((4, 4, 3), 200.0), r"\[0, 1\], got 200 to 200; divide"),
        (np.full((4, 4, 3), np.nan), "got nan"),
        (torch.zeros(4, 4, 3), r"got a tensor of \(4, 4, 3\)"),
        (torch.zeros(3, 4, 4, dtype=torch.int64), "got torch.int64"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(x: object, words: str) -> None:
    for call in (vdequant.quantize, vdequant.dequantize):
        with pytest.raises(UsageError, match=words) as caught:
            call(x)  # type: ignore[operator]
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"restorer": "waifu"}, "cellnet-m"), ({"fidelity": 2.0}, "fidelity"), ({"quantizer": "mp3"}, "m=LEVELS"),
     ({"fidelity": "1"}, "fidelity between 0 and 1, got '1'"), ({"quantizer": None}, "as text, .* got None"),
     ({"device": "tpu"}, "cuda")],
)  # fmt: skip
def test_options_that_do_not_exist_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        vdequant.dequantize(array("uint8"), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("quantizer", ["gray:0.5", "gray:otsu", "gray:m=4", "m=4"])
def test_restored_gray_arrays_stay_in_their_cells(quantizer: str) -> None:
    coarse = vdequant.quantize(rgb8(48, 64)[..., 0], quantizer)
    fine = vdequant.dequantize(coarse, quantizer.replace("otsu", "0.5"), restorer="cellnet-s", device="cpu")
    again = vdequant.quantize(fine, quantizer.replace("otsu", "0.5"))
    np.testing.assert_allclose(again * 255, coarse, atol=0.51)


def test_results_can_be_changed_and_differentiated() -> None:
    fine = vdequant.dequantize(gradient(), "m=4", restorer="identity", device="cpu")
    assert isinstance(fine, torch.Tensor)
    assert not fine.is_inference()
    factor = torch.ones_like(fine, requires_grad=True)
    (fine * factor).sum().backward()
    assert factor.grad is not None
    assert torch.equal(factor.grad, fine)


def test_restoring_draws_no_random_numbers_of_the_caller() -> None:
    dither_finder._trained.cache_clear()  # made once a process, and networks begin with random weights
    coarse = vdequant.quantize(torch.rand(3, 48, 48), "palette:16")
    torch.manual_seed(0)
    expected = torch.rand(1)
    for quantizer, restorer in (("m=4", "pix2pix"), ("auto", "identity")):
        torch.manual_seed(0)
        vdequant.dequantize(coarse, quantizer, restorer=restorer, device="cpu")
        assert torch.equal(torch.rand(1), expected)
    assert dither_finder._trained.cache_info().misses == 1


@pytest.mark.parametrize(
    "chosen",
    [{"restorer": "identity"}, {"restorer": "deband"}, {"restorer": "cellnet-s", "quantizer": "5-5-5"},
     {"restorer": "cellnet-s", "quantizer": "5-5-5", "temporal": "flow"}, {"restorer": "deband", "neighbors": 1}],
    ids=str,
)  # fmt: skip
def test_a_file_is_restored_without_taking_threads_from_the_caller(tmp_path: Path, chosen: dict[str, Any]) -> None:
    before, before_opencv = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(2)
    cv2.setNumThreads(2)
    try:
        make.clip(tmp_path / "in.mkv")
        settings = vdequant.Settings(device="cpu", **chosen)
        vdequant.restore(str(tmp_path / "in.mkv"), str(tmp_path / "out.mkv"), settings)
        assert torch.get_num_threads() == 2
        assert cv2.getNumThreads() == 2
    finally:
        torch.set_num_threads(before)
        cv2.setNumThreads(before_opencv)


@pytest.mark.parametrize("words", [{"dither": "foo"}, {"seed": -1}, {"to": "random", "seed": 1 << 40}], ids=str)
def test_words_and_seeds_that_do_not_exist_are_refused(words: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"--dither|--seed"):
        vdequant.quantize(rgb8(), **({"to": "m=4"} | words))  # type: ignore[arg-type]


def test_any_seed_makes_a_palette() -> None:
    made = vdequant.quantize(rgb8(), "palette:4/kmeans", seed=(1 << 32) - 1)
    assert len(np.unique(made.reshape(-1, 3), axis=0)) <= 4
