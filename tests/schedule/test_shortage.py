"""Running out of memory on a CPU: smaller tiles, and one line when nothing smaller is left."""

from __future__ import annotations

from pathlib import Path

import make
import pytest
import torch

from vdequant.errors import ShortageError, VdequantError
from vdequant.frame_work import Recipe, restore_native
from vdequant.frames import Layout
from vdequant.pipeline import restore
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.base import WHOLE_PICTURE, Needs
from vdequant.restorers.deband import Deband
from vdequant.schedule.shortage import is_shortage, shortage_in_words
from vdequant.settings import Settings

SHORTAGES = [
    MemoryError(),
    torch.cuda.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 12 bytes. Error code 12"),
]


@pytest.mark.parametrize("error", SHORTAGES, ids=lambda error: type(error).__name__)
def test_every_allocators_error_is_recognized_and_told_in_one_line(error: Exception) -> None:
    assert is_shortage(error)
    with pytest.raises(ShortageError, match="--tile") as caught, shortage_in_words():
        raise error
    assert isinstance(caught.value, VdequantError)
    assert isinstance(caught.value, MemoryError)
    assert "\n" not in str(caught.value)


def test_the_real_allocator_is_recognized() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50, dtype=torch.uint8)
    assert is_shortage(caught.value)


def test_other_errors_pass_as_they_are() -> None:
    assert not is_shortage(RuntimeError("shapes differ"))
    with pytest.raises(RuntimeError, match="shapes differ"), shortage_in_words():
        raise RuntimeError("shapes differ")


class Cramped(Deband):
    """Has memory for parts of so many pixels."""

    def __init__(self, room: int, error: Exception) -> None:
        super().__init__()
        self.room, self.error, self.refused = room, error, 0

    def restore(self, y: torch.Tensor, cells: object) -> torch.Tensor:
        if y.shape[-1] * y.shape[-2] > self.room:
            self.refused += 1
            raise self.error
        return super().restore(y, cells)


def recipe(restorer: Deband) -> Recipe:
    return Recipe(restorer, UniformQuantizer.of_bits((5, 5, 5)), Layout(300, 280, "rgb", 16))


@pytest.mark.parametrize("error", SHORTAGES, ids=lambda error: type(error).__name__)
def test_a_picture_that_is_too_large_for_memory_is_cut_until_it_fits(error: Exception) -> None:
    stored = UniformQuantizer.of_bits((5, 5, 5)).quantize(make.gradient(280, 300)[None])
    whole = restore_native(recipe(Deband()), stored)
    cramped = Cramped(250 * 250, error)
    assert torch.equal(restore_native(recipe(cramped), stored), whole)
    assert cramped.refused >= 1


def test_when_nothing_smaller_is_left_the_shortage_is_told() -> None:
    cramped = Cramped(100, SHORTAGES[1])
    with pytest.raises(torch.cuda.OutOfMemoryError):
        restore_native(recipe(cramped), torch.zeros(1, 3, 280, 300))
    assert 2 <= cramped.refused <= 4


def test_a_restorer_that_sees_the_whole_picture_is_never_given_tiles() -> None:
    class Whole(Cramped):
        needs = Needs(halo=WHOLE_PICTURE)

    cramped = Whole(100, MemoryError())
    with pytest.raises(MemoryError):
        restore_native(recipe(cramped), torch.zeros(1, 3, 280, 300))
    assert cramped.refused == 1


def test_a_job_without_memory_ends_in_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.clip(tmp_path / "in.mkv")

    def short(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Deband, "restore", short)
    settings = Settings(restorer="deband", quantizer="5-5-5", device="cpu", scale=1)
    with pytest.raises(ShortageError, match="memory ran out"):
        restore(str(tmp_path / "in.mkv"), str(tmp_path / "out.mkv"), settings)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]
