"""Choosing where to run."""

from __future__ import annotations

import pytest
import torch

from vdequant.errors import UsageError
from vdequant.schedule.cuda import LARGEST_BATCH, BatchSize
from vdequant.schedule.device import choose_engine, fastest_cpu_dtype


def test_cpu_gets_one_worker_a_core_and_a_measured_type() -> None:
    engine = choose_engine("cpu")
    assert engine.workers >= 1
    assert engine.dtype == fastest_cpu_dtype()
    assert engine.dtype in (torch.float32, torch.bfloat16)


def test_workers_can_be_set() -> None:
    assert choose_engine("cpu", workers=3).workers == 3


@pytest.mark.parametrize("name", ["tpu9", "cuda:77", "mps:3"])
def test_devices_that_are_not_here_are_refused_with_a_remedy(name: str) -> None:
    with pytest.raises(UsageError, match="expected"):
        choose_engine(name)


def test_batch_size_doubles_while_it_pays_and_then_stays() -> None:
    batch = BatchSize()
    batch.measured(1, 1.0, 0.01)
    batch.measured(2, 1.2, 0.02)
    batch.measured(4, 2.4, 0.04)
    assert batch.size == 4
    batch.measured(4, 0.1, 0.04)
    assert batch.size == 4


def test_batch_size_respects_memory_and_its_limit() -> None:
    batch = BatchSize()
    batch.measured(1, 1.0, 0.6)
    assert batch.size == 1
    free = BatchSize()
    for _ in range(20):
        free.measured(free.size, free.size * 0.5**free.size, 0.001)
    assert free.size <= LARGEST_BATCH


def test_large_frames_travel_in_small_batches() -> None:
    batch = BatchSize(largest=2)
    for _ in range(9):
        batch.measured(batch.size, batch.size * 0.5**batch.size, 0.001)
    assert batch.size == 2


def test_out_of_memory_halves_the_batch_then_tiles_then_gives_up() -> None:
    batch = BatchSize()
    batch.size = 4
    assert batch.out_of_memory(256, 256)
    assert batch.out_of_memory(256, 256)
    assert (batch.size, batch.tile) == (1, 0)
    assert batch.out_of_memory(256, 256)
    assert batch.tile == 128
    assert batch.out_of_memory(256, 256)
    assert not batch.out_of_memory(256, 256)


@pytest.mark.gpu
def test_cuda_workers_give_the_results_of_the_cpu() -> None:
    from fractions import Fraction

    from vdequant.frame_work import Recipe, restore_planes
    from vdequant.frames import Frame, Layout
    from vdequant.pipeline import _restore_batch
    from vdequant.quantizers.uniform import UniformQuantizer
    from vdequant.restorers.loading import load_restorer
    from vdequant.schedule.cuda import CudaWorkers

    layout = Layout(48, 32, "rgb", 8)
    quantizer = UniformQuantizer.of_bits((5, 5, 5))
    frames = []
    for i in range(40):
        stored = quantizer.quantize(torch.rand(1, 3, 32, 48))[0]
        planes = tuple((plane * 255).round().to(torch.uint8) for plane in stored)
        frames.append(Frame(planes, layout, i, Fraction(1, 60)))
    output = Layout(48, 32, "rgb", 16)
    results = {}
    for device in (torch.device("cpu"), torch.device("cuda")):
        recipe = Recipe(load_restorer("cellnet-s").to(device, torch.float32), quantizer, output)
        if device.type == "cpu":
            results["cpu"] = [
                restore_planes(recipe, tuple(p[None] for p in f.planes), layout, certify=True) for f in frames
            ]
            continue

        def work(planes: tuple, layout: Layout, certify: bool, tile: int, recipe: Recipe = recipe) -> object:
            return _restore_batch(recipe, planes, layout, certify, tile)

        workers = CudaWorkers(work, device, 8, 48 * 32)
        futures = [workers.submit(frame) for frame in frames]
        workers.flush()
        results["cuda"] = [future.result() for future in futures]
        workers.close()
    for a, b in zip(results["cpu"], results["cuda"], strict=True):
        for one, other in zip(a.planes, b.planes, strict=True):
            assert (one.int() - other.int()).abs().max() <= 64  # of 65535: TF32 and summation order
