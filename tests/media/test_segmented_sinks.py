"""Sinks that keep segments: an interrupted film and an uninterrupted one show the same pictures at the same times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import make
import numpy as np
import pytest

from vdequant.color import from_rgb, to_rgb
from vdequant.errors import OutputError
from vdequant.frames import AlreadyDone, Frame, SegmentStart, SidePacket
from vdequant.media.plan import plan_output
from vdequant.media.segment_store import SegmentStore
from vdequant.media.sink import open_sink, segment_check
from vdequant.media.source import open_source
from vdequant.media.targets import parts_path
from vdequant.settings import Settings

EACH = 4  # frames a segment; even, so that no pair of equal pictures is cut in two
COUNT = 18
UNEVEN = [0, 7, 40, 41, 97, 300, 301, 302, 420, 500, 501, 502, 503, 504, 900, 901, 910, 960]


class StoppedError(Exception):
    """The run ends here."""


def marked(items: Sequence[Frame | SidePacket], done: int) -> Iterator[Frame | SidePacket]:
    """The items with marks, the first ``done`` frames as done already."""
    number = 0
    for item in items:
        if not isinstance(item, Frame):
            yield item
            continue
        if number >= done and number % EACH == 0:
            yield SegmentStart(first=number, notes={"frames": number})
        yield item if number >= done else AlreadyDone(instant=item.pts * item.time_base)
        number += 1


def write(source: Path, target: str, settings: Settings, stop: int | None = None) -> list[str]:
    """Write what ``source`` shows, up to frame ``stop``; a run that follows goes on. Returns warnings."""
    with open_source(str(source), settings) as opened:
        plan = plan_output(target, opened.info, settings)
        store = SegmentStore(parts_path(target), {"source": str(source)})
        assert store.load(segment_check(plan)) == ""
        with open_sink(plan, opened, overwrite=False, store=store) as sink:
            number = store.frames
            for item in marked(list(opened), store.frames):
                if isinstance(item, Frame):
                    if number == stop:
                        raise StoppedError
                    number += 1
                    planes = from_rgb(to_rgb(item.planes, item.layout), plan.layout, plan.dither)
                    item = replace(item, planes=planes, layout=plan.layout)
                sink.write(item)
            assert sink.finish().frames == (COUNT if not settings.vfr else COUNT // 2)
            return sink.warnings


CASES = [
    ("mkv", {}),
    ("mkv", {"codec": "h264"}),
    ("mkv", {"codec": "hevc"}),
    ("mkv", {"lossless": True}),
    ("mp4", {}),
    ("mp4", {"codec": "h264"}),
    ("mp4", {"codec": "vp9"}),
    ("webm", {"codec": "vp9"}),
    ("mov", {"codec": "prores"}),
    ("mov", {"codec": "h264"}),
    ("nut", {}),
]


@pytest.mark.parametrize("stamps", [None, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize(("ending", "chosen"), CASES, ids=lambda value: str(value))
def test_a_film_that_was_interrupted_twice_equals_one_that_was_not(
    tmp_path: Path, ending: str, chosen: dict, stamps: list[int] | None
) -> None:
    source = tmp_path / "in.mkv"
    make.clip(source, count=COUNT, pts=stamps, size=(32, 32), audio="flac")
    settings = Settings(scale=1, **chosen)
    whole, cut = tmp_path / f"whole.{ending}", tmp_path / f"cut.{ending}"
    expected = write(source, str(whole), settings)
    for stop in (12, 17):
        with pytest.raises(StoppedError):
            write(source, str(cut), settings, stop)
        assert not cut.exists()
    assert write(source, str(cut), settings) == expected
    assert make.samples(cut) == make.samples(whole)
    assert make.stamps(cut) == make.stamps(source)
    assert make.sound(cut) == make.sound(whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in.mkv", whole.name, cut.name])


def picture_folder(folder: Path) -> Path:
    """Pictures of which each two that follow each other are equal."""
    folder.mkdir()
    for number in range(COUNT):
        cv2.imwrite(str(folder / f"shot_{number:03d}.png"), np.full((8, 8, 3), 10 * (number // 2), np.uint8))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("vfr", [False, True])
def test_a_folder_that_was_interrupted_twice_equals_one_that_was_not(tmp_path: Path, vfr: bool) -> None:
    source, settings = picture_folder(tmp_path / "in"), Settings(vfr=vfr)
    for target, stops in (("whole", ()), ("cut", (12, 17))):
        for stop in stops:
            with pytest.raises(StoppedError):
                write(source, str(tmp_path / target), settings, stop)
            assert not (tmp_path / target).exists()
        write(source, str(tmp_path / target), settings)
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut", "in", "whole"]


@pytest.mark.parametrize("damage", ["missing", "other", "list"])
def test_a_damaged_picture_of_a_finished_segment_is_made_again(tmp_path: Path, damage: str) -> None:
    source, target = picture_folder(tmp_path / "in"), str(tmp_path / "out")
    with pytest.raises(StoppedError):
        write(source, target, Settings(), 17)
    damaged = tmp_path / "out.part" / "shot_007.png"
    if damage == "list":
        damaged = tmp_path / "out.parts" / "000001.packets"
    if damage == "missing":
        damaged.unlink()
    else:
        damaged.write_bytes(b"{}")
    write(source, target, Settings())
    assert len(contents(tmp_path / "out")) == COUNT


def test_a_damaged_segment_and_all_after_it_are_made_again(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", str(tmp_path / "out.mkv")
    make.clip(source, count=COUNT, size=(32, 32))
    with pytest.raises(StoppedError):
        write(source, target, Settings(scale=1), 17)
    log = tmp_path / "out.mkv.parts" / "000001.packets"
    log.write_bytes(log.read_bytes()[:-1])
    write(source, target, Settings(scale=1))
    assert make.stamps(Path(target)) == make.stamps(source)


def test_pictures_without_the_start_of_a_segment_are_a_mistake_of_the_caller(tmp_path: Path) -> None:
    source, settings = tmp_path / "in.mkv", Settings(scale=1, lossless=True)
    make.clip(source, count=2)
    with open_source(str(source), settings) as opened:
        plan = plan_output(str(tmp_path / "out.mkv"), opened.info, settings)
        store = SegmentStore(parts_path(plan.path), {})
        with open_sink(plan, opened, overwrite=False, store=store) as sink, pytest.raises(RuntimeError, match="start"):
            sink.write(make.frames(plan.layout, 1)[0])


def test_encoders_whose_headers_differ_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vdequant.media import segmented_sink

    source, settings = tmp_path / "in.mkv", Settings(scale=1, codec="h264")
    make.clip(source, count=COUNT, size=(32, 32))
    other = segmented_sink.open_apart

    def with_cabac_off(plan):
        return other(replace(plan, options=plan.options | {"preset": "ultrafast"}))

    monkeypatch.setattr(segmented_sink, "open_apart", with_cabac_off)
    with pytest.raises(OutputError, match="--no-resume"):
        write(source, str(tmp_path / "out.mkv"), settings)
