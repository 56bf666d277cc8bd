from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from vdequant.evaluation.cost import Cost, _children

MIB = 1 << 20


def test_time_is_that_of_the_block() -> None:
    with Cost() as cost:
        time.sleep(0.05)
    assert 0.05 <= cost.seconds < 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux keeps a resettable high-water mark")
def test_memory_that_was_freed_again_counts() -> None:
    with Cost() as cost:
        np.ones(40 * MIB, np.uint8)
    with Cost() as later:
        pass
    assert cost.peak is not None
    assert later.peak is not None
    assert 35 * MIB < cost.peak < 80 * MIB
    assert later.peak < 10 * MIB


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux keeps a resettable high-water mark")
def test_a_program_that_has_ended_does_not_hide_the_others() -> None:
    over = subprocess.Popen(["true"])
    while "(zombie)" not in Path(f"/proc/{over.pid}/status").read_text():
        time.sleep(0.01)
    running = subprocess.Popen(["sleep", "60"])
    try:
        deadline = time.monotonic() + 10
        while Path(f"/proc/{running.pid}") not in (found := _children()) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert Path(f"/proc/{running.pid}") in found
        assert Path(f"/proc/{over.pid}") not in found
    finally:
        running.kill()
        running.wait()
        over.wait()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux keeps a resettable high-water mark")
def test_memory_of_a_program_that_runs_for_a_moment_counts() -> None:
    with Cost() as cost:
        subprocess.run(["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=160"], capture_output=True, check=True)
    assert cost.peak is not None
    assert 60 * MIB < cost.peak < 120 * MIB
