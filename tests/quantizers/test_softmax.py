"""Working in chunks changes nothing, and keeps memory linear in pixels."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from vdequant.quantizers import softmax
from vdequant.quantizers.softmax import soft_nearest, soft_steps


def values_and_gradients(count: int, dims: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(2, count, dims, generator=generator, dtype=torch.float64, requires_grad=True)
    centers = torch.rand(2, 5, dims, generator=generator, dtype=torch.float64, requires_grad=True)
    k = torch.full((2, 1, 1), 7.0, dtype=torch.float64, requires_grad=True)
    mean = soft_nearest(points, centers, k)
    return [mean, *torch.autograd.grad((mean**2).sum(), [points, centers, k])]


@pytest.mark.parametrize("dims", [1, 3])
def test_chunks_give_the_same_values_and_gradients(dims: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = values_and_gradients(23, dims)
    monkeypatch.setattr(softmax, "CHUNK", 2 * 5 * 4)  # four points at a time
    for part, expected in zip(values_and_gradients(23, dims), whole, strict=True):
        torch.testing.assert_close(part, expected)


def test_chunks_of_steps_give_the_same_values(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.rand(1, 50, 1, generator=torch.Generator().manual_seed(0))
    levels, edges, k = torch.tensor([0.0, 0.4, 1.0]), torch.tensor([0.3, 0.6]), torch.tensor([[[20.0]]])
    whole = soft_steps(x, levels, edges, k)
    monkeypatch.setattr(softmax, "CHUNK", 10)
    torch.testing.assert_close(soft_steps(x, levels, edges, k), whole)
    with torch.no_grad():
        torch.testing.assert_close(soft_steps(x, levels, edges, k), whole)


MEASURE = """
import resource, sys, torch
from vdequant.quantizers.palette import PaletteQuantizer
torch.set_num_threads(1)
torch.manual_seed(0)
quantizer = PaletteQuantizer((torch.rand(256, 3) * 255).round() / 255)
small = torch.rand(1, 3, 16, 16, requires_grad=True)
quantizer.soft(small, 50.0).sum().backward()  # what libraries load once is not counted
x = torch.rand(1, 3, 1080, 1920, requires_grad=True)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if sys.argv[1] == "soft":
    quantizer.soft(x, 50.0).sum().backward()
elif sys.argv[1] == "straight_through":
    quantizer.straight_through(x).sum().backward()
else:
    with torch.no_grad():
        y = quantizer.quantize(x)
        cells = quantizer.cells(y)
        cells.contains(cells.project(x.flip(-1)))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", ["soft", "straight_through", "cells"])
def test_a_hd_picture_and_256_colors_take_less_than_a_gibibyte(what: str) -> None:
    done = subprocess.run([sys.executable, "-c", MEASURE, what], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1024
