"""Videos that lack what others have, and that have what others lack."""

from __future__ import annotations

import subprocess
from pathlib import Path

import make
import pytest

from vdequant.errors import UsageError
from vdequant.frames import Frame
from vdequant.media.ffmpeg_cli import find_ffmpeg
from vdequant.media.source import open_source
from vdequant.media.video_source import VideoSource
from vdequant.settings import Settings


@pytest.mark.parametrize(("codec", "container"), [("libx264", "h264"), ("libx265", "hevc")])
def test_bare_streams_without_times_can_be_sampled_and_read(codec: str, container: str, tmp_path: Path) -> None:
    path = tmp_path / f"in.{container}"
    options = {"x265-params": "pools=none:frame-threads=1"} if container == "hevc" else None
    make.clip(path, codec=codec, pix_fmt="yuv420p", size=(32, 48), container=container, options=options)
    with open_source(str(path), Settings()) as source:
        sampled = source.sample(4)
        times = [item.pts for item in source if isinstance(item, Frame)]
    assert len(sampled) >= 2
    assert len(times) == 6
    assert times == sorted(set(times))


def test_opacity_that_vp9_hides_is_said_to_be_lost(tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mkv", codec="libvpx-vp9", pix_fmt="yuv420p", size=(32, 48))
    words = [find_ffmpeg(), "-v", "error", "-i", tmp_path / "in.mkv", "-c", "copy", "-metadata:s:v", "alpha_mode=1"]
    subprocess.run([*words, tmp_path / "in.webm"], check=True)
    with open_source(str(tmp_path / "in.webm"), Settings()) as source:
        assert isinstance(source, VideoSource)
        assert any("transparency" in line for line in source.warnings)
        assert "alpha_mode" not in {key.lower() for key in source.passengers.video_metadata}


def test_size_is_refused_for_files_that_have_their_own(tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mkv")
    with pytest.raises(UsageError, match="drop it"):
        open_source(str(tmp_path / "in.mkv"), Settings(raw_size="24x16"))
    (tmp_path / "in.avi").write_bytes(bytes(24 * 16 * 3 * 2))  # raw pictures of a misleading name
    with open_source(str(tmp_path / "in.avi"), Settings(raw_size="24x16")) as source:
        assert sum(isinstance(item, Frame) for item in source) == 2
