"""The streaming loop: order, reuse, bounded memory, and errors from any stage."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from vdequant.frames import Frame, Layout, SegmentStart, SidePacket
from vdequant.schedule.cpu import CpuWorkers
from vdequant.schedule.stages import content_key, run_stages

LAYOUT = Layout(8, 4, "gray")


def gray(value: int, pts: int = 0) -> Frame:
    return Frame((torch.full((4, 8), value, dtype=torch.uint8),), LAYOUT, pts, Fraction(1, 60))


def mean_of(frame: Frame) -> float:
    return float(frame.planes[0].float().mean())


def test_results_come_in_source_order_whatever_the_workers_do() -> None:
    def uneven(frame: Frame) -> float:
        time.sleep(0.01 if int(mean_of(frame)) % 3 == 0 else 0)
        return mean_of(frame)

    workers = CpuWorkers(uneven, 3)
    written: list[tuple[int, float]] = []
    report = run_stages(
        [gray(i, i) for i in range(20)],
        workers,
        lambda item, result: written.append((item.pts, result)),  # type: ignore[union-attr, arg-type]
    )
    workers.close()
    assert written == [(i, float(i)) for i in range(20)]
    assert report.frames == report.unique == 20


def test_side_packets_keep_their_place_between_frames() -> None:
    workers = CpuWorkers(mean_of, 1)
    packet = SidePacket(b"sound", 1)
    order: list[str] = []
    run_stages([gray(1), packet, gray(2)], workers, lambda item, _: order.append(type(item).__name__))
    workers.close()
    assert order == ["Frame", "SidePacket", "Frame"]


def test_equal_frames_are_worked_on_once_and_written_every_time() -> None:
    seen: list[float] = []

    def remember(frame: Frame) -> float:
        seen.append(mean_of(frame))
        return seen[-1]

    workers = CpuWorkers(remember, 1)
    written: list[float] = []
    frames = [gray(v, i) for i, v in enumerate([5, 5, 7, 5, 7, 7])]
    report = run_stages(frames, workers, lambda _, result: written.append(result))  # type: ignore[arg-type]
    workers.close()
    assert sorted(seen) == [5.0, 7.0]
    assert written == [5.0, 5.0, 7.0, 5.0, 7.0, 7.0]
    assert report.unique == 2


def test_frames_that_differ_in_transparency_alone_are_not_shared() -> None:
    alpha = [torch.zeros(4, 8, dtype=torch.uint8), torch.ones(4, 8, dtype=torch.uint8)]
    frames = [gray(1, 0), *(replace(gray(1, t), alpha=each) for t, each in enumerate([*alpha, alpha[1]], start=1))]
    workers = CpuWorkers(mean_of, 1)
    report = run_stages(frames, workers, lambda _item, _result: None)
    workers.close()
    assert (report.frames, report.unique) == (4, 3)


def test_nothing_is_shared_across_the_start_of_a_segment() -> None:
    workers = CpuWorkers(mean_of, 1)
    written: list[float] = []
    items = [gray(5, 0), gray(5, 1), SegmentStart(first=2), gray(5, 2)]
    report = run_stages(items, workers, lambda _, result: written.append(result))  # type: ignore[arg-type]
    workers.close()
    assert written == [5.0, 5.0, None, 5.0]
    assert (report.frames, report.unique) == (3, 2)


def test_content_key_sees_one_changed_sample_and_ignores_time() -> None:
    changed = gray(3)
    changed.planes[0][2, 5] = 4
    assert content_key(gray(3, 1)) == content_key(gray(3, 2))
    assert content_key(gray(3)) != content_key(changed)


def test_the_decoder_does_not_run_ahead_of_the_writer_without_bound() -> None:
    ahead = 0
    produced = written = 0

    def source() -> Iterator[Frame]:
        nonlocal produced, ahead
        for i in range(60):
            produced += 1
            ahead = max(ahead, produced - written)
            yield gray(i)

    def slow(_item: object, _result: object) -> None:
        nonlocal written
        time.sleep(0.002)
        written += 1

    workers = CpuWorkers(mean_of, 2)
    run_stages(source(), workers, slow)
    capacity = workers.capacity
    workers.close()
    assert ahead <= capacity + 5


@pytest.mark.parametrize("stage", ["decode", "work", "encode"])
def test_an_error_in_any_stage_reaches_the_caller_and_stops_the_threads(stage: str) -> None:
    def source() -> Iterator[Frame]:
        for i in range(50):
            if stage == "decode" and i == 7:
                raise OSError("decode broke")
            yield gray(i)

    def work(frame: Frame) -> float:
        if stage == "work" and mean_of(frame) == 7:
            raise OSError("work broke")
        return mean_of(frame)

    def write(_item: object, result: object) -> None:
        if stage == "encode" and result == 7:
            raise OSError("encode broke")

    workers = CpuWorkers(work, 2)
    with pytest.raises(OSError, match=f"{stage} broke"):
        run_stages(source(), workers, write)
    workers.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("vdequant")]
