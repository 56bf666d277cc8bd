from __future__ import annotations

import pytest
import torch

from vdequant.errors import UsageError
from vdequant.quantizers.consoles import CONSOLES, ConsoleQuantizer
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.uniform import UniformQuantizer

SIZES = {"nes": 54, "gameboy": 4, "cga": 16, "c64": 16, "zx": 15, "msx": 15, "pico8": 16, "atari2600": 128}
LEVELS = {"snes": 32, "gba": 32, "genesis": 8, "sms": 4, "vga": 64, "amiga": 16, "websafe": 6, "ega64": 4}


def codes(x: torch.Tensor) -> list[tuple[int, ...]]:
    return [tuple(row) for row in (x * 255).round().int().tolist()]


@pytest.mark.parametrize(("name", "count"), SIZES.items())
def test_palettes_have_as_many_colors_as_the_machine(name: str, count: int) -> None:
    free = CONSOLES[name].free()
    assert isinstance(free, PaletteQuantizer)
    assert len(free.palette) == count


@pytest.mark.parametrize(("name", "count"), LEVELS.items())
def test_lattices_have_as_many_levels_as_the_registers_and_reach_white(name: str, count: int) -> None:
    free = CONSOLES[name].free()
    assert isinstance(free, UniformQuantizer)
    assert [len(levels) for levels in free.levels] == [count] * 3
    assert all(levels[0] == 0 and levels[-1] == 1 for levels in free.levels)


def test_registers_are_replicated_as_emulators_do() -> None:
    assert CONSOLES["snes"].levels[:5] == (0, 8, 16, 24, 33)
    assert CONSOLES["genesis"].levels == (0, 36, 73, 109, 146, 182, 219, 255)
    assert CONSOLES["amiga"].levels[:3] == (0, 17, 34)


@pytest.mark.parametrize("name", CONSOLES)
def test_every_machine_stores_its_own_colors_and_nothing_else(name: str) -> None:
    quantizer = ConsoleQuantizer(name)
    stored = quantizer.quantize(torch.rand(1, 3, 18, 18))
    assert torch.equal(quantizer.quantize(stored), stored)
    assert torch.equal(quantizer.free.quantize(stored), stored)
    assert quantizer.cells(stored).contains(stored).all()
    assert CONSOLES[name].words in quantizer.describe()


def test_black_and_white_are_where_they_should_be() -> None:
    assert codes(CONSOLES["c64"].palette())[:2] == [(0, 0, 0), (255, 255, 255)]
    assert codes(CONSOLES["zx"].palette())[7] == (215, 215, 215)
    assert codes(CONSOLES["gameboy"].palette()) == [(0,) * 3, (85,) * 3, (170,) * 3, (255,) * 3]


@pytest.mark.gpu
@pytest.mark.parametrize("name", CONSOLES)
def test_a_gpu_gives_the_same(name: str) -> None:
    quantizer = ConsoleQuantizer(name)
    x = torch.rand(2, 3, 32, 40)
    here, there = quantizer.quantize(x), quantizer.quantize(x.cuda())
    assert there.is_cuda
    assert (there.cpu() != here).float().mean() < 1e-2  # colors of equal distance, and with them a block's choice
    guess = torch.rand_like(x)
    projected = quantizer.cells(here.cuda()).project(guess.cuda()).cpu()
    torch.testing.assert_close(projected, quantizer.cells(here).project(guess), rtol=0, atol=1e-5)


def test_an_unknown_machine_is_refused_with_the_list() -> None:
    with pytest.raises(UsageError, match=r"nes, gameboy.*got 'virtualboy'"):
        ConsoleQuantizer("virtualboy")
