from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vdequant.quantizers.error_diffusion import FLOYD_STEINBERG, KERNELS, Colors, Kernel, diffuse


def halves(wanted: Colors) -> Colors:
    return (wanted >= 0.5).astype(np.float32)


def pixel_by_pixel(x: Colors, kernel: Kernel) -> Colors:
    """The same in the order of the papers, for one picture."""
    work = x[0].astype(np.float32).copy()
    _, height, width = work.shape
    for row in range(height):
        for column in range(width):
            wanted = work[:, row, column].clip(0, 1)
            stored = halves(wanted[None])[0]
            work[:, row, column] = stored
            for down, right, weight in kernel.taps:
                if row + down < height and 0 <= column + right < width:
                    work[:, row + down, column + right] += (wanted - stored) * np.float32(weight / kernel.divisor)
    return work[None]


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("size", [(9, 14), (14, 9), (1, 6), (6, 1)])
def test_slanted_fronts_give_what_pixel_by_pixel_gives(name: str, size: tuple[int, int]) -> None:
    x = np.random.default_rng(1).random((1, 3, *size), dtype=np.float32)
    # Summed in another order, so a sample exactly half way could differ; none of these is.
    np.testing.assert_array_equal(diffuse(x, halves, KERNELS[name]), pixel_by_pixel(x, KERNELS[name]))


@pytest.mark.parametrize("name", KERNELS)
def test_weights_sum_to_one_but_for_atkinsons_three_quarters(name: str) -> None:
    kernel = KERNELS[name]
    total = sum(weight for _, _, weight in kernel.taps) / kernel.divisor
    assert total == (0.75 if name == "atkinson" else 1.0)
    assert all(right + kernel.skew * down > 0 for down, right, _ in kernel.taps)


def test_a_flat_gray_becomes_as_many_white_pixels() -> None:
    x = np.full((1, 3, 40, 40), 0.3, dtype=np.float32)
    assert diffuse(x, halves, FLOYD_STEINBERG).mean() == pytest.approx(0.3, abs=0.02)


def test_it_looks_like_pillows() -> None:
    ramp = np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (32, 1))
    theirs = np.asarray(Image.fromarray(ramp).convert("1", dither=Image.Dither.FLOYDSTEINBERG), dtype=np.float32)
    x = np.broadcast_to(ramp.astype(np.float32) / 255, (1, 3, 32, 64)).copy()
    ours = diffuse(x, halves, FLOYD_STEINBERG)[0, 0]
    np.testing.assert_allclose(ours.reshape(32, 8, 8).mean((0, 2)), theirs.reshape(32, 8, 8).mean((0, 2)), atol=0.03)


def test_pictures_of_a_batch_do_not_mix() -> None:
    x = np.random.default_rng(2).random((2, 3, 8, 8), dtype=np.float32)
    np.testing.assert_array_equal(diffuse(x, halves, FLOYD_STEINBERG)[1:], diffuse(x[1:], halves, FLOYD_STEINBERG))


MATRICES = {
    "jarvis": (48, [[0, 0, 0, 7, 5], [3, 5, 7, 5, 3], [1, 3, 5, 3, 1]]),
    "stucki": (42, [[0, 0, 0, 8, 4], [2, 4, 8, 4, 2], [1, 2, 4, 2, 1]]),
    "burkes": (32, [[0, 0, 0, 8, 4], [2, 4, 8, 4, 2], [0, 0, 0, 0, 0]]),
    "sierra": (32, [[0, 0, 0, 5, 3], [2, 4, 5, 4, 2], [0, 2, 3, 2, 0]]),
    "sierra-lite": (4, [[0, 0, 0, 2, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 0]]),
}


@pytest.mark.parametrize("kind", MATRICES)
def test_the_weights_are_the_published_matrix_and_pass_on_the_whole_error(kind: str) -> None:
    matrix = np.zeros((3, 5), np.int64)
    for down, right, weight in KERNELS[kind].taps:
        matrix[down, right + 2] = weight
    assert (KERNELS[kind].divisor, matrix.tolist()) == MATRICES[kind]
    assert matrix.sum() == KERNELS[kind].divisor
