"""What a header says becomes cells, or a remark where it cannot; tables that change are told apart by the picture."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import cast

import pytest
import torch

from vdequant.frames import JpegCoding
from vdequant.quantizers.finding import Finding
from vdequant.quantizers.grid import Grid
from vdequant.quantizers.jpeg import JpegQuantizer
from vdequant.quantizers.jpeg_codec import tables_of
from vdequant.quantizers.jpeg_source import quantizer_of, with_header
from vdequant.quantizers.jpeg_varying import VaryingJpeg
from vdequant.quantizers.recovering import Recovery
from vdequant.quantizers.tolerance import ToleranceQuantizer

LOSSY = Finding(
    quantizer=ToleranceQuantizer(4 / 255),
    kind="lossy",
    lossless=False,
    tolerance=4 / 255,
    colors=0,
    levels=(0, 0, 0),
    description="a lossy codec",
)


def coding(quality: int, **changes: object) -> JpegCoding:
    luma, chroma = (tuple(int(step) for step in table.flatten()) for table in tables_of(quality))
    return replace(JpegCoding(luma, chroma, "420"), **changes)  # type: ignore[arg-type]


def noise(seed: int) -> torch.Tensor:
    return torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(seed)) * 0.6 + 0.2


def test_a_lossy_finding_gets_the_cells_of_the_files_own_tables() -> None:
    found = with_header(LOSSY, (coding(35),), still=True)
    assert isinstance(found.quantizer, JpegQuantizer)
    assert (found.kind, found.quantizer.quality, found.quantizer.subsampling) == ("jpeg", 35, "420")
    assert (found.lossless, found.tolerance, found.placing) == (True, 0.0, None)
    assert not with_header(LOSSY, (coding(35),), still=False).lossless


def test_what_was_found_behind_the_codec_is_kept() -> None:
    art = replace(LOSSY, kind="palette", grid=Grid.of_scale((4, 4), 64, 48))
    assert with_header(art, (coding(35),), still=True) is art
    assert with_header(art, (coding(8),), still=True).kind == "jpeg"  # whose blocks are flat colors themselves
    assert with_header(LOSSY, (), still=True) is LOSSY


def test_art_at_its_own_size_keeps_jpegs_cells_unless_nearly_all_of_it_is_clean() -> None:
    drawn = replace(LOSSY, kind="palette")
    assert with_header(drawn, (coding(75),), still=True).kind == "jpeg"
    for sure, kept in ((0.9, False), (0.99, True)):
        recovery = cast(Recovery, SimpleNamespace(sure=sure))
        snapped = replace(drawn, recovery=recovery)
        assert (with_header(snapped, (coding(75),), still=True) is snapped) is kept


def test_cells_that_cannot_be_used_leave_a_remark() -> None:
    for codings, word in (
        ((coding(35, trouble="12 bits a sample"),), "12 bits"),
        ((coding(35), coding(20, subsampling="444")), "several ways"),
        ((coding(35), coding(35, turn=(1, False))), "turned"),
    ):
        found = with_header(LOSSY, codings, still=True)
        assert (found.kind, found.quantizer) == ("lossy", LOSSY.quantizer)
        assert word in found.description
    enlarged = replace(LOSSY, grid=Grid.of_scale((2, 2), 64, 48))
    assert enlarged.native_scale == (Fraction(2), Fraction(2))
    assert "native pixels" in with_header(enlarged, (coding(35),), still=True).description
    assert with_header(enlarged, (coding(8),), still=True).grid is None


def test_turned_and_gray_pictures_are_said_to_be() -> None:
    found = with_header(LOSSY, (coding(35, gray=True, turn=(1, False)),), still=True)
    assert found.description.endswith("gray, turned upright")
    assert found.placing is not None
    assert isinstance(found.quantizer, JpegQuantizer)
    assert torch.equal(found.quantizer.tables[1], tables_of(35)[1])


def test_each_picture_finds_its_own_tables() -> None:
    varying = quantizer_of([coding(quality) for quality in (50, 20, 75)], still=True)
    assert isinstance(varying, VaryingJpeg)
    for quality in (20, 50, 75):
        stored = JpegQuantizer(quality).quantize(noise(quality))
        assert varying.chosen(stored).quality == quality
        assert varying.cells(stored).quality == quality


def test_quantizers_of_several_subsamplings_are_refused() -> None:
    with pytest.raises(ValueError, match="one subsampling"):
        VaryingJpeg([JpegQuantizer(50), JpegQuantizer(50, "444")])
