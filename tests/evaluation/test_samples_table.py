from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from make import grained
from PIL import Image

from vdequant.errors import InputError
from vdequant.evaluation.samples import Sample, mean_psnr, samples_table


def test_files_are_measured_before_and_after_the_whole_program(tmp_path: Path) -> None:
    truth = grained(1)
    Image.fromarray(truth).save(tmp_path / "truth.png")
    Image.fromarray(truth // 32 * 32 + 16).save(tmp_path / "stored.png")
    sample = Sample(tmp_path / "stored.png", tmp_path / "truth.png")
    expected = 10 * np.log10(255**2 / np.mean((truth.astype(float) - (truth // 32 * 32 + 16)) ** 2))
    assert mean_psnr(sample.damaged, sample) == pytest.approx(expected, abs=1e-4)
    head, _, row = samples_table([sample], ["identity", "deband"]).splitlines()
    assert head == "| sample | nothing | identity | deband |"
    name, nothing, same, better = (cell.strip() for cell in row.strip("|").split("|"))
    assert (name, nothing) == ("stored.png", f"{expected:.2f}")
    assert same == nothing
    assert float(better) > float(nothing)


def test_files_of_another_length_are_no_truth(tmp_path: Path) -> None:
    for name, count in (("a.gif", 2), ("b.gif", 3)):
        pictures = [Image.fromarray(grained(seed)) for seed in range(count)]
        pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:], duration=40)
    with pytest.raises(InputError, match=r"b\.gif"):
        mean_psnr(tmp_path / "a.gif", Sample(tmp_path / "a.gif", tmp_path / "b.gif"))
