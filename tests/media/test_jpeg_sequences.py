"""Of a Motion JPEG and of a folder of JPEGs every coding is listed, the commonest first."""

from __future__ import annotations

from pathlib import Path

import make
from PIL import Image

from vdequant.media.jpeg_sequences import codings_of_files
from vdequant.media.source import open_source
from vdequant.settings import Settings


def save(path: Path, **options: object) -> Path:
    Image.fromarray(make.grained(0)).save(path, **options)  # type: ignore[arg-type]
    return path


def test_a_motion_jpeg_tells_how_its_pictures_are_coded(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.avi", codec="mjpeg", pix_fmt="yuvj420p", size=(32, 48), count=3)
    with open_source(str(tmp_path / "a.avi"), Settings()) as source:
        codings = source.info.jpegs
    assert codings
    assert {(c.subsampling, c.trouble, c.width, c.height) for c in codings} == {("420", "", 48, 32)}


def test_other_films_are_coded_in_no_such_way(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv", codec="ffv1", pix_fmt="yuv420p", size=(32, 48), count=2)
    with open_source(str(tmp_path / "a.mkv"), Settings()) as source:
        assert source.info.jpegs == ()


def test_the_commonest_coding_of_a_folder_comes_first(tmp_path: Path) -> None:
    files = [save(tmp_path / f"{i}.jpg", quality=quality) for i, quality in enumerate((20, 80, 20))]
    assert [coding.luma[0] for coding in codings_of_files(files)] == [40, 6]


def test_a_folder_with_other_pictures_is_no_jpeg(tmp_path: Path) -> None:
    assert codings_of_files([save(tmp_path / "a.jpg"), save(tmp_path / "b.png")]) == ()


def test_a_folder_and_a_still_carry_their_codings(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", quality=20)
    for path in (tmp_path, tmp_path / "a.jpg"):
        with open_source(str(path), Settings()) as source:
            assert [coding.luma[0] for coding in source.info.jpegs] == [40]
