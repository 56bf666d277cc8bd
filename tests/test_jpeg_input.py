"""A JPEG goes through the whole program: its own cells, the restorer made for it, and a certificate of 100 %."""

from __future__ import annotations

from pathlib import Path

import cv2
import make
import numpy as np
import pytest
import torch
from PIL import Image

from vdequant import planning
from vdequant.pipeline import probe, restore
from vdequant.planning import Plan, suited_restorer
from vdequant.quantizers.finding import Finding
from vdequant.quantizers.jpeg import JpegQuantizer
from vdequant.restorers import RESTORERS
from vdequant.settings import Settings

CPU = Settings(device="cpu", restorer="deband", overwrite=True)


def photograph(height: int = 64, width: int = 80) -> np.ndarray:
    random = np.random.default_rng(7)
    layers = [cv2.resize(random.normal(0, 22, (n, n, 3)), (width, height)) for n in (4, 8, 16, 32)]
    return (128 + sum(layers)).clip(0, 255).astype(np.uint8)


def saved(path: Path, quality: int = 25, size: tuple[int, int] = (64, 80), **options: object) -> Path:
    Image.fromarray(photograph(*size)).save(path, quality=quality, **options)  # type: ignore[arg-type]
    return path


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1].astype(np.float64) / 65535


@pytest.mark.parametrize("quality", [1, 30, 92])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_the_certificate_of_a_jpeg_is_whole_and_names_no_tolerance(
    tmp_path: Path, quality: int, subsampling: int
) -> None:
    source = saved(tmp_path / "a.jpg", quality, subsampling=subsampling)
    summary = restore(str(source), str(tmp_path / "o.png"), CPU)
    assert (summary.certificate, summary.tolerance) == (1.0, 0.0)
    assert f"quality {quality}" in summary.quantizer
    again = (read(tmp_path / "o.png") * 255).round().astype(np.uint8)
    buffer = tmp_path / "again.jpg"
    Image.fromarray(again).save(buffer, quality=quality, subsampling=subsampling)
    before, after = (np.asarray(Image.open(file), np.float64) for file in (source, buffer))
    assert np.abs(before - after).mean() < 1  # written again, it is nearly the same file


def test_the_restorer_for_jpeg_is_chosen_as_soon_as_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RESTORERS, planning.FOR_JPEG, "vdequant.restorers.deband:Deband")
    plan = probe(str(saved(tmp_path / "a.jpg")), Settings(device="cpu"))
    assert plan.restorer == planning.FOR_JPEG
    assert "JPEG of quality 25, chroma 4:2:0" in plan.lines()[0]
    assert f"{planning.FOR_JPEG} for JPEG of quality 25" in plan.lines()[1]
    assert "half a step" in plan.reason()
    stated = suited_restorer(plan.finding, JpegQuantizer(30), small=False)
    assert stated == planning.FOR_JPEG


def test_a_jpeg_is_looked_at_twice_unless_another_number_of_views_is_asked_for(tmp_path: Path) -> None:
    source = saved(tmp_path / "a.jpg")

    def restored(views: int) -> np.ndarray:
        output = tmp_path / f"{views}.png"
        settings = Settings(device="cpu", restorer=planning.FOR_JPEG, views=views)
        assert restore(str(source), str(output), settings).certificate == 1.0
        return read(output)

    usual, once, twice = (restored(views) for views in (0, 1, 2))
    assert np.array_equal(usual, twice)
    assert not np.array_equal(usual, once)


def test_film_on_a_cpu_gets_the_quick_network(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.avi", codec="mjpeg", pix_fmt="yuvj420p", size=(48, 64), count=3)
    plan = probe(str(tmp_path / "a.avi"), Settings(device="cpu"))
    assert (plan.finding.kind, plan.restorer, plan.finding.lossless) == ("jpeg", "cellnet-s", False)
    summary = restore(str(tmp_path / "a.avi"), str(tmp_path / "o.mkv"), CPU)
    assert summary.certificate is not None
    assert summary.certificate > 0.99


@pytest.mark.parametrize("orientation", [3, 5, 6, 8])
def test_a_turned_photograph_is_restored_on_its_own_blocks(tmp_path: Path, orientation: int) -> None:
    upright, exif = saved(tmp_path / "a.jpg", size=(60, 77)), Image.Exif()
    exif[0x0112] = orientation
    summary = restore(str(upright), str(tmp_path / "o.png"), CPU)
    turned = saved(tmp_path / "t.jpg", size=(60, 77), exif=exif)
    assert "turned upright" in probe(str(turned), CPU).finding.description
    again = restore(str(turned), str(tmp_path / "t.png"), CPU)
    assert again.certificate == summary.certificate == 1.0
    expected = {3: lambda x: x[::-1, ::-1], 5: lambda x: x.swapaxes(0, 1), 6: lambda x: np.rot90(x, 3), 8: np.rot90}
    assert np.abs(read(tmp_path / "t.png") - expected[orientation](read(tmp_path / "o.png"))).max() < 1e-4


def test_a_decoded_and_cropped_jpeg_keeps_its_size_and_gets_its_cells(tmp_path: Path) -> None:
    Image.fromarray(cv2.resize(photograph(), (200, 180))).save(tmp_path / "a.jpg", quality=40)
    Image.open(tmp_path / "a.jpg").crop((5, 3, 190, 171)).save(tmp_path / "b.png")
    plan = probe(str(tmp_path / "b.png"), CPU)
    assert "JPEG of quality 40, chroma 4:2:0 was decoded to" in plan.finding.description
    summary = restore(str(tmp_path / "b.png"), str(tmp_path / "o.png"), CPU)
    assert (summary.width, summary.height, summary.certificate) == (185, 168, 1.0)


def test_gray_and_print_colors_are_restored_too(tmp_path: Path) -> None:
    for mode, word in (("L", "gray"), ("CMYK", "JPEG, but 4 colors")):
        Image.fromarray(photograph()).convert(mode).save(tmp_path / "a.jpg", quality=30)
        assert word in probe(str(tmp_path / "a.jpg"), CPU).finding.description
        assert restore(str(tmp_path / "a.jpg"), str(tmp_path / "o.png"), CPU).certificate == 1.0


def test_a_folder_of_jpegs_tells_each_pictures_tables(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for i, quality in enumerate((20, 60, 20)):
        saved(tmp_path / "in" / f"{i}.jpg", quality)
    plan: Plan = probe(str(tmp_path / "in"), CPU)
    assert "2 tables" in plan.quantizer.describe()
    assert restore(str(tmp_path / "in"), str(tmp_path / "out"), CPU).certificate == 1.0


def test_a_finding_of_another_kind_is_left_to_cellnet() -> None:
    lossy = Finding(
        quantizer=JpegQuantizer(5), kind="lossy", lossless=False, colors=0, levels=(0, 0, 0), description=""
    )
    assert suited_restorer(lossy, None, small=False) == "cellnet-m"
    assert torch.equal(JpegQuantizer(5).tables[0], JpegQuantizer(5).tables[0].round())
