"""What the summary says about cells is what a count over the written file says, and of how many frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import make
import numpy as np
import pytest

from vdequant.cli.main import main
from vdequant.pipeline import Summary, restore
from vdequant.settings import Settings


def written(source: Path, **chosen: Any) -> tuple[Summary, Path]:
    """The summary and the lossless file of a restoration from eight levels a channel."""
    output = source.with_name("out.mkv")
    settings = Settings(quantizer="m=8", scale=1, lossless=True, overwrite=True, device="cpu", **chosen)
    return restore(str(source), str(output), settings), output


def share_in_cells(source: Path, output: Path) -> float:
    """Share of the samples that lie in the eighth that the stored one lies in."""
    eighths = []
    for path, kind, top in ((source, "gbrp", 255), (output, "gbrp10le", 1023)):
        with av.open(str(path)) as clip:
            codes = np.stack([frame.to_ndarray(format=kind) for frame in clip.decode(video=0)]).astype(np.int64)
        eighths.append(np.minimum(codes * 8 // top, 7))
    return float((eighths[0] == eighths[1]).mean())


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Nine frames of noise."""
    make.clip(tmp_path / "in.mkv", count=9, noise=True)
    return tmp_path / "in.mkv"


@pytest.mark.parametrize("temporal", ["off", "lock"])
def test_the_certificate_is_what_a_count_over_the_written_file_gives(clip: Path, temporal: str) -> None:
    summary, output = written(clip, restorer="pix2pix", fidelity=0.0, temporal=temporal)
    assert summary.certificate == share_in_cells(clip, output)
    assert summary.certificate < 1


@pytest.mark.parametrize("temporal", ["off", "lock"])
@pytest.mark.parametrize("given", [{}, {"reuse": False}, {"neighbors": 1}], ids=str)
def test_every_restored_frame_is_checked(clip: Path, temporal: str, given: dict[str, Any]) -> None:
    summary, _ = written(clip, restorer="deband", temporal=temporal, **given)
    assert (summary.certified_frames, summary.frames) == (9, 9)


@pytest.mark.parametrize("temporal", ["off", "lock"])
def test_a_frame_that_comes_again_is_as_checked_as_its_first_showing(tmp_path: Path, temporal: str) -> None:
    make.clip(tmp_path / "in.mkv", count=1)
    with av.open(str(tmp_path / "in.mkv")) as source, av.open(str(tmp_path / "still.mkv"), "w") as out:
        film = out.add_stream_from_template(source.streams.video[0])
        (packet,) = (bytes(packet) for packet in source.demux(video=0) if packet.size)
        for number in range(5):
            again = av.Packet(packet)
            again.stream, again.pts, again.dts, again.time_base = film, number * 20, number * 20, make.MILLISECONDS
            again.is_keyframe = True
            out.mux(again)
    summary, _ = written(tmp_path / "still.mkv", restorer="deband", temporal=temporal)
    assert (summary.unique_frames, summary.certified_frames, summary.frames) == (1, 5, 5)


def test_of_frames_that_pass_as_they_were_stored_some_are_checked(clip: Path) -> None:
    summary, _ = written(clip, restorer="identity")
    assert (summary.certified_frames, summary.frames) == (2, 9)


@pytest.mark.parametrize(("restorer", "words"), [("identity", " (2 of 9 frames checked)\n"), ("deband", "cell\n")])
def test_a_sample_of_the_frames_is_called_one(
    clip: Path, capsys: pytest.CaptureFixture[str], restorer: str, words: str
) -> None:
    output = str(clip.with_name("out.mkv"))
    assert main([str(clip), "-o", output, "--lossless", "--quantizer", "m=8", "--restorer", restorer]) == 0
    shown = capsys.readouterr()
    assert words in shown.out + shown.err
