"""Network files of others: with spandrel where it is installed, with a stand-in for what it says where it is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from vdequant.enlarging import NetworkScaler
from vdequant.errors import ModelError, UsageError
from vdequant.frame_work import Recipe, restore_native
from vdequant.frames import Layout
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers import check_restorer
from vdequant.restorers.base import WHOLE_PICTURE
from vdequant.restorers.community import CommunityRestorer
from vdequant.restorers.loading import load_restorer

QUANTIZER = UniformQuantizer.of_levels(4)


class Described:
    """What spandrel says of a network; this one brightens by a third of the picture's mean."""

    def __init__(self, scale: int, multiple: int) -> None:
        self.scale, self.input_channels, self.output_channels = scale, 3, 3
        self.size_requirements = SimpleNamespace(minimum=8, multiple_of=multiple)

    def to(self, device: torch.device) -> Described:
        return self

    def eval(self) -> Described:
        return self

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[0] == 1
        assert x.shape[-1] % self.size_requirements.multiple_of == 0
        brighter = x + x.mean() / 3
        return brighter.repeat_interleave(self.scale, -1).repeat_interleave(self.scale, -2)


class Spandrel:
    """The part of spandrel that is used."""

    class ModelLoader:
        def load_from_state_dict(self, weights: dict[str, torch.Tensor]) -> Described:
            return Described(int(weights["scale"]), int(weights["multiple"]))


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """Makes a file of weights, for a stand-in of spandrel, because the package is an extra."""
    monkeypatch.setattr("vdequant.restorers.community.import_module", lambda name: Spandrel)

    def write(scale: int = 1, multiple: int = 1) -> Path:
        path = tmp_path / f"{scale}x.safetensors"
        save_file({"scale": torch.tensor(scale), "multiple": torch.tensor(multiple)}, path)
        return path

    return write


def test_a_network_file_restores_and_stays_in_range(network: Callable[..., Path]) -> None:
    restorer = load_restorer(str(network()))
    y = QUANTIZER.quantize(torch.rand(2, 3, 16, 16))
    x = restorer.to(torch.device("cpu"), torch.bfloat16).restore(y, QUANTIZER.cells(y))
    torch.testing.assert_close(x, (y + y.mean((1, 2, 3), keepdim=True) / 3).clamp(max=1))
    assert 0 <= x.min() <= x.max() <= 1


def test_its_needs_are_those_that_spandrel_states_and_it_sees_the_whole_picture(network: Callable[..., Path]) -> None:
    restorer = CommunityRestorer(network(multiple=4))
    assert (restorer.needs.multiple_of, restorer.needs.min_size) == (4, 8)
    assert restorer.needs.halo == WHOLE_PICTURE
    assert CommunityRestorer(network(), tiled=True).needs.halo < 256
    y = QUANTIZER.quantize(torch.rand(1, 3, 21, 30))
    recipe = Recipe(restorer, QUANTIZER, Layout(30, 21))
    whole = restore_native(recipe, y)
    tiled = restore_native(Recipe(restorer, QUANTIZER, Layout(30, 21), tile=8), y)
    assert whole.shape == y.shape
    assert torch.equal(whole, tiled)
    assert QUANTIZER.cells(y).contains(whole).all()


def test_networks_of_the_wrong_kind_are_sent_to_the_option_for_them(network: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match=r"keeps the size.*such a file is for --scaler"):
        CommunityRestorer(network(2))
    with pytest.raises(ModelError, match=r"enlarges.*such a file is for --restorer"):
        NetworkScaler(network(1))


def test_a_network_that_enlarges_is_a_scaler(network: Callable[..., Path]) -> None:
    scaler = NetworkScaler(network(2)).to(torch.device("cpu"))
    assert (scaler.factor, scaler.describe()) == (2, "2x (2 times)")
    assert scaler.enlarge(torch.rand(2, 3, 8, 9)).shape == (2, 3, 16, 18)


def test_damaged_missing_and_foreign_files_are_refused_in_one_line(network: Callable[..., Path]) -> None:
    folder = network().parent
    (folder / "junk.pth").write_bytes(b"junk")
    (folder / "junk.safetensors").write_bytes(b"junk")
    save_file({"layer": torch.zeros(1)}, folder / "other.safetensors")
    torch.save({"scale": 1, "path": Path()}, folder / "code.pth")
    for name, says in {
        "junk.pth": "expected",
        "junk.safetensors": "cannot read them",
        "other.safetensors": "spandrel knows",
        "code.pth": "nothing but tensors",
        "gone.pth": "does not exist",
    }.items():
        with pytest.raises(ModelError, match=says) as caught:
            CommunityRestorer(folder / name)
        assert name in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1


def test_without_spandrel_or_with_a_torchvision_that_does_not_fit_the_remedy_is_named(
    network: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    def unfit(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist\nand more")

    path = network()
    monkeypatch.setattr("vdequant.restorers.community.import_module", absent)
    with pytest.raises(ModelError, match=r"pip install '\.\[community\]' in a checkout"):
        CommunityRestorer(path)
    monkeypatch.setattr("vdequant.restorers.community.import_module", unfit)
    with pytest.raises(ModelError, match=r"expected torchvision to fit torch .*nms does not exist$"):
        CommunityRestorer(path)


def test_names_that_are_neither_restorers_nor_files_are_refused() -> None:
    check_restorer("auto", "auto")
    check_restorer("Some_Net.PTH")
    with pytest.raises(UsageError, match=r"cellnet-s.*\.safetensors.*got 'magic'"):
        check_restorer("magic")


def test_a_real_network_of_spandrels_restores(tmp_path: Path) -> None:
    """DnCNN, the smallest of its architectures that keeps the size, with random weights."""
    try:
        from spandrel.architectures.DnCNN.__arch.network_dncnn import DnCNN
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"spandrel does not load here: {error}")
    net = DnCNN(in_nc=3, out_nc=3, nc=8, nb=4)
    save_file(net.state_dict(), tmp_path / "dncnn.safetensors")
    y = QUANTIZER.quantize(torch.rand(1, 3, 24, 31))
    restorer = CommunityRestorer(tmp_path / "dncnn.safetensors")
    with torch.no_grad():
        expected = net.eval()(y).clamp(0, 1)
    torch.testing.assert_close(restorer.restore(y, QUANTIZER.cells(y)), expected)
