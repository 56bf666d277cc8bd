"""The restorer dequantizernet: nearer to the truth than JPEG's decode, blind to the cells it is given."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from make import grained

from vdequant.evaluation.degradations import parse_degradation, to_tensor
from vdequant.evaluation.methods import Nothing
from vdequant.evaluation.peers import make_peer
from vdequant.metrics.fidelity import psnr
from vdequant.models.dequantizernet import Generator, GeneratorSpec
from vdequant.models.dequantizernet_weights import write_generator
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.dequantizernet import Dequantizernet
from vdequant.restorers.loading import load_restorer


@pytest.mark.parametrize("quality", [1, 10])
def test_it_comes_nearer_to_the_truth_than_the_decoder(quality: int) -> None:
    truth = grained(4, 64)[None]
    stored = parse_degradation(f"jpeg:{quality}").apply(truth)
    restored = Dequantizernet().restore(stored.tensor(), stored.cells())
    before, after = (float(psnr(x, to_tensor(truth))) for x in (stored.tensor(), restored))
    assert after > before + 0.3


def test_the_cells_do_not_matter() -> None:
    y, restorer = torch.rand(1, 3, 16, 16), Dequantizernet()
    coarse, fine = (UniformQuantizer.of_levels(m).cells(y) for m in (4, 32))
    assert torch.equal(restorer.restore(y, coarse), restorer.restore(y, fine))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file of weights as ``vdequant train dequantizernet`` writes it, of a network that brightens a little."""
    net = Generator(GeneratorSpec(channels=2, blocks=1, ends=3, norm="none", upsampling=1, shrink=True, long_skip=True))
    torch.nn.init.constant_(net.tail.bias, 0.1)
    write_generator(net, tmp_path / "own.safetensors")
    return tmp_path / "own.safetensors"


def test_a_file_of_ones_own_training_is_a_restorer(own: Path) -> None:
    restorer, y = load_restorer(str(own)), torch.full((1, 3, 8, 8), 0.5)
    assert isinstance(restorer, Dequantizernet)
    assert restorer.needs.multiple_of == 2
    restored = restorer.restore(y, UniformQuantizer.of_levels(4).cells(y))
    assert restored.mean() == pytest.approx(0.55, abs=0.01)


def test_and_a_peer_in_tables_that_takes_any_size(own: Path) -> None:
    stored = parse_degradation("m=4").apply(grained(1, 33)[None, :, :27])
    peer = make_peer(str(own))
    assert peer.name == "own"
    assert peer.key("m=4") != Nothing().key("m=4")
    result = peer.prepare("m=4")(stored)
    assert result.shape == (1, 3, 33, 27)
    assert 0 <= result.min() <= result.max() <= 1
