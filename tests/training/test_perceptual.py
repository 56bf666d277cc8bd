"""Perceptual features: VGG-19 from the user's cache, our own network otherwise, never a download."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vdequant.errors import ModelError
from vdequant.training.perceptual import HUB_FILE, VGG_DEPTHS, CellnetFeatures, VggFeatures, make_extractor, vgg_files

NARROW = (2, 2, 3, 3, 4)


def vgg_weights(widths: tuple[int, ...] = NARROW) -> dict[str, torch.Tensor]:
    """Random weights by torchvision's names, with a classifier that must be left out."""
    weights, before, number = {"classifier.0.weight": torch.zeros(1)}, 3, 0
    for level, (width, depth) in enumerate(zip(widths, VGG_DEPTHS, strict=True)):
        number += 1 if level else 0
        for _ in range(depth):
            weights[f"features.{number}.weight"] = torch.randn(width, before, 3, 3)
            weights[f"features.{number}.bias"] = torch.zeros(width)
            before, number = width, number + 2
    return weights


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_feature_35_is_the_last_rectified_convolution() -> None:
    net = VggFeatures(vgg_weights(), NARROW)
    assert len(net.features) == 36
    assert isinstance(net.features[34], torch.nn.Conv2d)
    assert isinstance(net.features[35], torch.nn.ReLU)
    found = net(torch.rand(1, 3, 32, 48))
    assert found.shape == (1, 4, 2, 3)
    assert found.min() >= 0


def test_vgg_sees_pictures_as_it_was_trained_to() -> None:
    net = VggFeatures(vgg_weights(), NARROW)
    seen: list[torch.Tensor] = []
    net.features[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    net(torch.tensor([0.485, 0.456, 0.406])[None, :, None, None].expand(1, 3, 16, 16) * 2 - 1)
    assert torch.allclose(seen[0], torch.zeros_like(seen[0]), atol=1e-6)


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ModelError, match="expected the weights of VGG-19, got others"):
        VggFeatures(vgg_weights((2, 2, 3, 3, 5)), NARROW)


def test_both_caches_are_looked_at(empty_home: Path) -> None:
    assert list(vgg_files()) == []
    hub = empty_home / "torch" / "hub" / "checkpoints" / HUB_FILE
    timm = empty_home / ".cache/huggingface/hub/models--timm--vgg19.tv_in1k/snapshots/abc/model.safetensors"
    for path in (hub, timm):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
    assert list(vgg_files()) == [hub, timm]


def test_without_vgg_our_own_network_serves(empty_home: Path) -> None:
    name, net = make_extractor()
    assert name == "cellnet-m"
    assert isinstance(net, CellnetFeatures)
    with pytest.raises(ModelError, match=f"{HUB_FILE}, found none: put it there"):
        make_extractor("vgg19")


def test_damaged_weights_are_named(empty_home: Path) -> None:
    hub = empty_home / "torch" / "hub" / "checkpoints" / HUB_FILE
    hub.parent.mkdir(parents=True)
    hub.write_bytes(b"not weights")
    with pytest.raises(ModelError, match="cannot read them"):
        make_extractor("vgg19")


def test_a_gradient_flows_back_to_the_picture_and_not_to_the_network() -> None:
    net = CellnetFeatures()
    x = (torch.rand(1, 3, 16, 16) * 2 - 1).requires_grad_(True)
    net(x).square().mean().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in net.parameters())


def test_the_features_of_different_pictures_differ() -> None:
    net, flat = CellnetFeatures(), torch.zeros(1, 3, 16, 16)
    edge = flat.clone()
    edge[..., 8:] = 0.2
    assert (net(edge) - net(flat)).square().mean() > 1e-6
