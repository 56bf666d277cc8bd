"""The ffmpeg program through pipes: sizes, orders, errors, CAMBI. Skipped where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from make import rgb8

from vdequant.errors import InputError
from vdequant.media import ffmpeg_cli
from vdequant.media.ffmpeg_cli import cambi, filter_pictures, find_ffmpeg


@pytest.fixture(autouse=True)
def _needs_ffmpeg() -> None:
    try:
        find_ffmpeg()
    except InputError:
        pytest.skip("no ffmpeg program here")


def clip() -> np.ndarray:
    return np.stack([rgb8(shift=moment) for moment in range(3)])


def test_pictures_pass_through_a_filter_that_does_nothing_in_order() -> None:
    assert np.array_equal(filter_pictures(clip(), "null"), clip())


def test_a_filter_does_its_work_on_every_picture() -> None:
    assert np.array_equal(filter_pictures(clip(), "hflip"), clip()[:, :, ::-1])


def test_an_unknown_filter_is_named_in_one_line() -> None:
    with pytest.raises(InputError, match="'nosuchfilter'"):
        filter_pictures(clip(), "nosuchfilter")


def test_a_filter_that_changes_the_size_is_refused() -> None:
    with pytest.raises(InputError, match="bytes of pictures"):
        filter_pictures(clip(), "scale=8:8")


def test_pictures_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(T, H, W, 3\)"):
        filter_pictures(clip()[0], "null")


def test_cambi_sees_wide_steps_only_when_it_is_told_to_look_for_them() -> None:
    x = np.mgrid[:64, :512][1]
    smooth = np.repeat((60 + x * 60 // 512)[None, :, :, None], 3, axis=3).astype(np.uint8)
    stepped = (smooth // 8 * 8 + 4).astype(np.uint8)
    try:
        scores = cambi(stepped), cambi(stepped, max_log_contrast=2)
    except InputError as error:
        pytest.skip(str(error))
    assert scores[0] > scores[1] + 1


def test_cambi_refuses_pictures_that_libvmaf_would_leave_out() -> None:
    with pytest.raises(InputError, match="24x16"):
        cambi(clip())


def test_without_any_ffmpeg_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(ffmpeg_cli, "import_module", absent)
    monkeypatch.setattr(ffmpeg_cli.shutil, "which", lambda _: None)
    with pytest.raises(InputError, match="pip install imageio-ffmpeg"):
        find_ffmpeg()
