"""cellnet-s runs in parts: all of them together are what it does as a whole."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from vdequant.errors import ModelError
from vdequant.models.cellnet import Cellnet, CellnetSpec
from vdequant.models.cellnet_weights import FORMAT, read_cellnet, write_cellnet
from vdequant.quantizers.base import Cells, Quantizer
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.mean_cells import dithered_cells
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.threshold import ThresholdQuantizer
from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.quantizers.windows import local_mean
from vdequant.restorers.base import Parted
from vdequant.restorers.cellnet import CellnetMedium, CellnetOfFile, CellnetRestorer, CellnetSmall
from vdequant.restorers.loading import load_restorer, weights_files

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
COLORS = torch.rand(9, 3, generator=torch.Generator().manual_seed(1)).mul(255).round().div(255)
GREENS = torch.tensor([[15, 56, 15], [48, 98, 48], [139, 172, 15], [155, 188, 15]]) / 255
QUANTIZERS: dict[str, Quantizer] = {
    "levels": UniformQuantizer.of_bits((4, 5, 3)),
    "palette": PaletteQuantizer(COLORS),
    "tones": DitherQuantizer(PaletteQuantizer(GREENS), "fs"),
}


def stored(quantizer: Quantizer) -> Tensor:
    return quantizer.quantize(torch.rand(1, 3, 48, 60, generator=torch.Generator().manual_seed(2)))


@pytest.mark.parametrize("quantizer", QUANTIZERS.values(), ids=QUANTIZERS)
def test_all_parts_and_the_answer_are_what_is_restored(quantizer: Quantizer) -> None:
    restorer = CellnetSmall().to(torch.device("cpu"), torch.float32)
    assert isinstance(restorer, Parted)
    y = stored(quantizer)
    cells = quantizer.cells(y)
    with torch.inference_mode():
        x = restorer.begin(y, cells)
        for index in range(1, len(restorer.parts)):
            x = restorer.go_on(index, x, cells, None)
        assert torch.equal(restorer.answer(y, cells, x), restorer.restore(y, cells))


def test_the_answer_is_given_pixel_by_pixel() -> None:
    restorer, quantizer = CellnetSmall().to(torch.device("cpu"), torch.float32), QUANTIZERS["palette"]
    y, x = stored(quantizer), torch.randn(1, 4, 48, 60)
    with torch.inference_mode():
        whole = restorer.answer(y, quantizer.cells(y), x)
        line = y.reshape(1, 3, 1, -1)
        answer = restorer.answer(line, quantizer.cells(line), x.reshape(1, 4, 1, -1))
    assert torch.equal(answer.view_as(whole), whole)


def test_the_parts_see_as_far_as_the_restorer_needs_and_a_context_branch_is_not_cut() -> None:
    small = CellnetSmall()
    assert sum(part.halo for part in small.parts) == small.needs.halo
    assert CellnetMedium().parts == ()


class Marked(Cellnet):
    """Answers with one value everywhere."""

    def __init__(self, value: float, channels: int = 2) -> None:
        super().__init__(CellnetSpec(channels, (1,)))
        self.value = value

    def forward(self, stored: Tensor, low: Tensor, high: Tensor, room: Tensor, spread: Tensor, facts: Tensor) -> Tensor:
        return torch.full_like(stored, self.value)


LEVELS = UniformQuantizer.of_levels(4)


@pytest.mark.parametrize(
    ("quantizer", "lossy", "answer"),
    [
        (LEVELS, False, 0.25),
        (LEVELS, True, 0.25),
        (QUANTIZERS["palette"], False, 0.75),
        (DitherQuantizer(UniformQuantizer.of_levels(8), "fs"), False, 0.75),
        (DitherQuantizer(PaletteQuantizer(torch.rand(40, 3)), "bayer4"), False, 0.75),
        (DitherQuantizer(LEVELS, "fs"), False, 0.75),
        (DitherQuantizer(UniformQuantizer.of_bits((2, 2, 2)), "fs"), False, 0.5),
        (DitherQuantizer(UniformQuantizer.of_bits((1, 2, 2)), "bayer4"), False, 0.5),
        (DitherQuantizer(ThresholdQuantizer(), "jarvis"), False, 0.5),
    ],
)
def test_levels_and_codecs_are_one_networks_palettes_and_fine_dither_anothers_halftones_the_third_ones(
    quantizer: Quantizer, lossy: bool, answer: float
) -> None:
    y = stored(quantizer)
    cells: Cells = quantizer.cells(y)
    if lossy:
        object.__setattr__(cells, "lossy", True)
    restored = CellnetRestorer(Marked(0.25), Marked(0.75), halftones=Marked(0.5)).restore(y, cells)
    assert torch.equal(restored, torch.full_like(y, answer))


def test_tones_are_restored_as_grays_and_come_back_between_two_tones() -> None:
    y = stored(QUANTIZERS["tones"])
    restored = CellnetRestorer(Marked(0.25), Marked(0.75), halftones=Marked(0.0)).restore(
        y, QUANTIZERS["tones"].cells(y)
    )
    torch.testing.assert_close(restored, GREENS[0][:, None, None].expand_as(y))
    lightest = CellnetRestorer(Marked(0.25), Marked(1.0)).restore(y, QUANTIZERS["tones"].cells(y))
    torch.testing.assert_close(lightest, GREENS[3][:, None, None].expand_as(y))


BLURS = (0.7, 0.85, 1.0, 1.3, 1.7, 2.2)


@pytest.mark.parametrize("kind", ["fs", "bayer4", "bayer8"])
@pytest.mark.parametrize("restorer", [CellnetSmall, CellnetMedium])
def test_black_and_white_comes_nearer_to_the_picture_than_by_any_blur(
    restorer: type[CellnetRestorer], kind: str
) -> None:
    with Image.open(SAMPLES / "still_truth.png") as picture:
        truth = torch.from_numpy(np.asarray(picture.convert("L")).copy())[None, None].expand(-1, 3, -1, -1) / 255
    quantizer = DitherQuantizer(ThresholdQuantizer(), kind)
    y = quantizer.quantize(truth.contiguous())
    with torch.inference_mode():
        found = restorer().restore(y, quantizer.cells(y))
    plane = y[0, 0].numpy()
    blurred = [torch.from_numpy(np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma))) for sigma in BLURS]
    assert (found - truth).square().mean() < 0.85 * min((one - truth).square().mean() for one in blurred)


class Listening(Cellnet):
    """Answers with the lowest values that it is told."""

    def __init__(self, *, evened: bool) -> None:
        super().__init__(CellnetSpec(2, (1,), evened=evened))

    def forward(self, stored: Tensor, low: Tensor, high: Tensor, room: Tensor, spread: Tensor, facts: Tensor) -> Tensor:
        return low.clone()


def test_networks_are_told_evened_reaches_of_dithered_palettes_alone() -> None:
    palette, net = QUANTIZERS["palette"], Listening(evened=True)
    y = stored(palette)
    plain, dithered = palette.cells(y), dithered_cells(palette.cells(y))
    assert torch.equal(CellnetRestorer(net, net).restore(y, plain), plain.low.clamp(0, 1))
    told = CellnetRestorer(net, net).restore(y, dithered)
    torch.testing.assert_close(told, (y - local_mean(y - dithered.low)).clamp(0, 1))


def test_networks_are_told_half_a_step_in_both_directions_of_dithered_levels() -> None:
    levels, net = UniformQuantizer.of_bits((1, 1, 1)), Listening(evened=True)
    y = stored(levels)
    told = CellnetRestorer(net, net).restore(y, dithered_cells(levels.cells(y)))
    torch.testing.assert_close(told, (y - 0.5).clamp(0, 1))


@pytest.mark.parametrize("kind", ["fs", "bayer4"])
@pytest.mark.parametrize("bits", [(1, 1, 1), (1, 2, 2)])
@pytest.mark.parametrize("restorer", [CellnetSmall, CellnetMedium])
def test_black_and_white_side_by_side_become_the_shade_between(
    restorer: type[CellnetRestorer], bits: tuple[int, int, int], kind: str
) -> None:
    down, across = torch.linspace(0.2, 0.7, 48)[:, None], torch.linspace(0.2, 0.7, 64)
    truth = ((down + across) / 2).expand(1, 3, -1, -1).contiguous()
    quantizer = DitherQuantizer(UniformQuantizer.of_bits(bits), kind)
    y = quantizer.quantize(truth)
    with torch.inference_mode():
        answer = restorer().restore(y, quantizer.cells(y))
    assert (answer - truth).square().mean().sqrt() < 0.3 * (y - truth).square().mean().sqrt()


@pytest.mark.parametrize("name", ["cellnet-s", "cellnet-m", "cellnet-l"])
@pytest.mark.parametrize("shade", [0.0, 1.0], ids=["black", "white"])
@pytest.mark.parametrize("codes", [2, 4, 8])
def test_what_is_flat_and_black_or_white_behind_a_codec_stays_so(name: str, shade: float, codes: int) -> None:
    y = torch.full((1, 3, 40, 40), shade)
    with torch.inference_mode():
        found = load_restorer(name).restore(y, ToleranceQuantizer(codes / 255).cells(y))
    assert (found - y).abs().mean() < 0.5 / 255  # the middle of what is left of the cell would be codes / 2 off


def test_networks_of_before_are_told_each_colors_own_reach(tmp_path: Path) -> None:
    y = stored(QUANTIZERS["palette"])
    cells = dithered_cells(QUANTIZERS["palette"].cells(y))
    told = CellnetRestorer(Listening(evened=True), Listening(evened=False)).restore(y, cells)
    assert torch.equal(told, cells.low.clamp(0, 1))
    # Their files do not say so.
    spec = {"channels": 2, "dilations": [1]}
    weights = Cellnet(CellnetSpec(2, (1,))).state_dict()
    save_file(weights, tmp_path / "old.safetensors", {"format": FORMAT, "spec": json.dumps(spec)})
    assert not read_cellnet(tmp_path / "old.safetensors").spec.evened


def test_two_networks_of_different_sizes_are_no_restorer() -> None:
    with pytest.raises(ModelError, match="one size"):
        CellnetRestorer(Marked(0.25), Marked(0.75, channels=3))
    for place in ("video", "halftones"):
        with pytest.raises(ModelError, match="fits"):
            CellnetRestorer(Marked(0.25), Marked(0.75), **{place: Cellnet(CellnetSpec(2, (1, 1)))})


def test_a_network_of_ones_own_restores(tmp_path: Path) -> None:
    torch.manual_seed(3)
    net = Cellnet(CellnetSpec(2, (1,)))
    torch.nn.init.normal_(net.tail.weight)
    write_cellnet(net, tmp_path / "mine.safetensors")
    made = load_restorer(str(tmp_path / "mine.safetensors"))
    assert isinstance(made, CellnetOfFile)
    y = stored(LEVELS)
    with torch.inference_mode():
        restored = made.restore(y, LEVELS.cells(y))
        assert torch.equal(restored, CellnetRestorer(net, net).restore(y, LEVELS.cells(y)))
    assert not torch.equal(restored, y)


def test_every_file_of_weights_behind_a_restorer_is_told(tmp_path: Path) -> None:
    assert [path.stem for path in weights_files("cellnet-s")] == [
        "cellnet-s-levels", "cellnet-s-palettes", "cellnet-s-codec", "cellnet-s-halftones",
    ]  # fmt: skip
    assert all(read_cellnet(weights_files(f"cellnet-{size}")[2]).spec.video for size in "sml")
    assert [path.stem for path in weights_files("dequantizernet+")] == ["dequantizernet-plus"]
    assert len(weights_files("map+")) == 5
    assert weights_files("identity") == ()
    assert weights_files(str(tmp_path / "mine.safetensors")) == (tmp_path / "mine.safetensors",)
