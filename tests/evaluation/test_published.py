"""Published rows appear beside the pictures that they are about, and nowhere else."""

from __future__ import annotations

from vdequant.evaluation.published import PUBLISHED, published_rows
from vdequant.evaluation.rows import Row

NAMES = tuple(f"{i}.png" for i in range(29))


def stored(degradation: str, psnr: float, names: tuple[str, ...] = NAMES) -> Row:
    return Row("nothing", degradation, names, {"psnr": (psnr,) * len(names)}, 0.1)


def test_pictures_that_score_as_published_get_the_published_rows() -> None:
    rows = published_rows([stored("jpeg:10", 25.6925), stored("jpeg:1", 20.89)], ("psnr", "ssim", "certificate"))
    assert [(row.method, row.degradation) for row in rows] == [
        ("SwinIR (published)", "jpeg:10"),
        ("SwinIR (published)", "jpeg:1"),
    ]
    assert rows[0].values == {"psnr": (28.07,), "ssim": (0.8094,)}
    assert (rows[1].values, rows[1].note) == ({}, "no number is published for this")
    assert rows[0].seconds == 0


def test_other_pictures_get_none() -> None:
    assert published_rows([stored("jpeg:10", 26.1)], ("psnr",)) == []
    assert published_rows([stored("jpeg:10", 25.69, NAMES[:3])], ("psnr",)) == []
    assert published_rows([stored("m=16", 25.69)], ("psnr",)) == []
    assert published_rows([Row("nothing", "jpeg:10", NAMES)], ("ssim",)) == []


def test_what_is_published_is_better_than_doing_nothing() -> None:
    for table in PUBLISHED.values():
        for scores in table.methods.values():
            for degradation, values in scores.items():
                assert all(values[metric] > table.stored[degradation][metric] for metric in values)
