"""The allocator keeps memory where it can and says so."""

from __future__ import annotations

import platform

import torch

from vdequant.schedule.allocator import keep_freed_memory


def test_glibc_takes_the_setting_and_others_are_left_alone() -> None:
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")


def test_large_tensors_still_work_afterwards() -> None:
    keep_freed_memory()
    assert float(torch.ones(3_000_000).sum()) == 3_000_000
