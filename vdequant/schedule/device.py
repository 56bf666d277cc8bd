"""Which device runs the network, and in which number type: asked for, found, or measured."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn

from vdequant.errors import UsageError


@dataclass(frozen=True, slots=True)
class Engine:
    """Where networks run.

    Attributes:
        device: torch device.
        dtype: of the convolutions; pictures are float32 everywhere.
        workers: frame-parallel worker threads (1 on CUDA, where frames are batched instead).
    """

    device: torch.device
    dtype: torch.dtype
    workers: int

    def describe(self) -> str:
        """A few words for the plan line, such as "cpu, 2 workers, bfloat16"."""
        number = str(self.dtype).removeprefix("torch.")
        if self.device.type == "cuda":
            return f"{torch.cuda.get_device_name(self.device)}, {number}"
        return f"cpu, {self.workers} worker{'s' if self.workers > 1 else ''}, {number}"


def usable_cores() -> int:
    """Cores that this process may use (an affinity mask or container limit can be below the machine's)."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


ROUNDS = 12  # of timing the number types


class _Trial:
    """A small convolution of one number type, timed."""

    def __init__(self, dtype: torch.dtype) -> None:
        conv = nn.Conv2d(16, 16, 3, padding=1).to(dtype)
        self.net = conv.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.x = torch.rand(1, 16, 128, 128).to(dtype=dtype, memory_format=torch.channels_last)

    def seconds(self) -> float:
        """Processor seconds of this thread, which other programs on the machine change little."""
        start = time.thread_time()
        for _ in range(3):
            self.net(self.x)
        return time.thread_time() - start


@lru_cache(maxsize=1)
def fastest_cpu_dtype() -> torch.dtype:
    """bfloat16 where this processor is faster with it, else float32: decided by about 40 ms of measurement.

    The feature flags do not tell: plain AVX-512 reports bf16 support and runs it slower than float32. The two take
    turns and the best of each counts, so that a busy machine slows both down and decides nothing.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the workers, and so that this thread's clock sees all of the work
    with torch.inference_mode(), torch.random.fork_rng(devices=[]):
        trials = _Trial(torch.bfloat16), _Trial(torch.float32)
        rounds = [[trial.seconds() for trial in trials] for _ in range(ROUNDS)]
    torch.set_num_threads(threads)
    brief, single = (min(times) for times in zip(*rounds, strict=True))
    return torch.bfloat16 if brief < 0.8 * single else torch.float32


def choose_engine(device: str = "auto", workers: int = 0) -> Engine:
    """Resolve a device name; :class:`UsageError` when it does not exist here."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise UsageError(f"expected --device auto, cpu, cuda or cuda:N, got {device!r}") from error
    if chosen.type == "cuda":
        if not torch.cuda.is_available() or (chosen.index or 0) >= torch.cuda.device_count():
            raise UsageError(
                f"expected a CUDA device for --device {device}, found {torch.cuda.device_count()}; use cpu"
            )
        return Engine(chosen, _cuda_dtype(chosen), 1)
    if chosen.type != "cpu":
        raise UsageError(f"expected --device auto, cpu, cuda or cuda:N, got {device!r}")
    return Engine(chosen, fastest_cpu_dtype(), workers or usable_cores())


def _cuda_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 from Ampere on, half precision on Turing and Volta, float32 before."""
    major, _ = torch.cuda.get_device_capability(device)
    if major >= 8:
        return torch.bfloat16
    return torch.float16 if major >= 7 else torch.float32
