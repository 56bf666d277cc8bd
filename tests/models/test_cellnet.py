"""cellnet: bounded by its cells, blind to its batch neighbours, as wide as its spec says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vdequant.errors import ModelError
from vdequant.models.cellnet import Cellnet, CellnetSpec, cell_features
from vdequant.models.cellnet_weights import read_cellnet, write_cellnet
from vdequant.models.weights import packaged
from vdequant.quantizers.base import box_room

SPEC = CellnetSpec(channels=2, dilations=(1, 2))


def noisy(spec: CellnetSpec = SPEC) -> Cellnet:
    net = Cellnet(spec)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return net.eval().requires_grad_(False)


def run(net: Cellnet, stored: torch.Tensor, reach: float = 0.05) -> torch.Tensor:
    count, low, high = len(stored), stored - reach, stored + reach
    return net(stored, low, high, box_room(stored, low, high), torch.ones(count), torch.zeros(count, 3))


def test_the_answer_never_leaves_the_reach_of_the_cell() -> None:
    stored = torch.rand(2, 3, 16, 16)
    answer = run(noisy(), stored)
    assert (answer - stored).abs().max() <= 0.05 + 1e-6
    assert (answer - stored).abs().max() > 1e-3


def test_an_untrained_network_answers_the_center_of_the_cell() -> None:
    stored = torch.rand(1, 3, 8, 8)
    net = Cellnet(SPEC).eval()
    answer = net(stored, stored - 0.02, stored + 0.06, torch.full((1, 1, 8, 8), 0.02), torch.ones(1), torch.zeros(1, 3))
    assert torch.allclose(answer, stored + 0.02, atol=5e-4)  # its gate is nearly open


def test_batch_neighbours_do_not_matter() -> None:
    net, stored = noisy(), torch.rand(3, 3, 16, 16)
    assert torch.allclose(run(net, stored)[1:2], run(net, stored[1:2]), atol=1e-5)


def test_the_declared_radius_is_the_real_one() -> None:
    net = noisy()
    stored = torch.rand(1, 3, 41, 41)
    changed = stored.clone()
    changed[..., 20, 20] = 1 - changed[..., 20, 20]
    moved = (run(net, stored) - run(net, changed)).abs().amax(1)[0].nonzero()
    assert (moved - 20).abs().max() <= SPEC.radius
    assert SPEC.radius == 9


def test_features_see_one_level_alike_at_any_depth() -> None:
    ramp = torch.arange(16.0).repeat(16, 1)[None, None].expand(1, 3, -1, -1)
    steps = []
    for x, half in ((ramp / 16, 1 / 32), (ramp / 64, 1 / 128)):
        low, high = x - half, x + half
        steps.append(cell_features(x, low, high, box_room(x, low, high))[:, 9:15])
    assert torch.allclose(steps[0], steps[1], atol=1e-4)


def test_weights_survive_export_and_loading(tmp_path: Path) -> None:
    net = noisy()
    write_cellnet(net, tmp_path / "net.safetensors")
    loaded = read_cellnet(tmp_path / "net.safetensors")
    stored = torch.rand(1, 3, 9, 9)
    assert torch.equal(run(loaded, stored), run(net, stored))


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="safetensors"):
        read_cellnet(tmp_path / "net.safetensors")


@pytest.mark.parametrize(
    ("name", "radius", "macs"),
    [("cellnet-s", 16, 24_000), ("cellnet-m", 64, 82_000), ("cellnet-l", 72, 460_000)],
)
def test_shipped_networks_keep_their_budget(name: str, radius: int, macs: int) -> None:
    spec, other = (read_cellnet(packaged(f"{name}-{subject}")).spec for subject in ("levels", "palettes"))
    assert replace(spec, evened=other.evened) == other
    assert spec.radius <= radius
    assert spec.macs <= macs


def test_context_reaches_as_far_as_declared_and_no_further() -> None:
    spec = CellnetSpec(channels=2, dilations=(1,), context=2)
    net, stored = noisy(spec), torch.rand(1, 3, 128, 136)
    changed = stored.clone()
    changed[..., 64, 64] = 1 - changed[..., 64, 64]
    moved = (run(net, stored) - run(net, changed)).abs().amax(1)[0].nonzero()
    assert 8 < (moved - 64).abs().max() <= spec.radius


@pytest.mark.parametrize(("height", "width"), [(5, 3), (8, 16), (17, 30)])
def test_context_takes_any_size(height: int, width: int) -> None:
    spec = CellnetSpec(channels=2, dilations=(1,), context=2)
    stored = torch.rand(2, 3, height, width)
    assert run(noisy(spec), stored).shape == stored.shape


def test_tiles_equal_the_whole_picture_for_the_shipped_networks() -> None:
    from vdequant.frame_work import Recipe, restore_native
    from vdequant.frames import Layout
    from vdequant.quantizers.uniform import UniformQuantizer
    from vdequant.restorers.loading import load_restorer

    quantizer = UniformQuantizer.of_levels(8)
    stored = quantizer.quantize(torch.rand(1, 3, 150, 212))
    for name in ("cellnet-s", "cellnet-m"):
        restorer = load_restorer(name).to(torch.device("cpu"), torch.float32)
        results = [
            restore_native(Recipe(restorer, quantizer, Layout(212, 150), tile=tile), stored) for tile in (1000, 64)
        ]
        assert torch.allclose(results[0], results[1], atol=2e-5), name
