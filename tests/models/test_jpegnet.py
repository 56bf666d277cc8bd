"""The JPEG network: what it is told reaches it, its reach and cost are what the spec says, its weights travel."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vdequant.errors import ModelError
from vdequant.models.jpegnet import Jpegnet, JpegnetSpec, step_planes
from vdequant.models.jpegnet_weights import read_jpegnet, write_jpegnet
from vdequant.quantizers.jpeg_codec import tables_of

TINY = JpegnetSpec((4, 6), (1, 1))


def network(spec: JpegnetSpec = TINY) -> Jpegnet:
    """Random weights everywhere, for an untrained network changes nothing."""
    torch.manual_seed(4)
    net = Jpegnet(spec)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return net.eval().requires_grad_(False)


def tables(quality: int, count: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    luma, chroma = tables_of(quality)
    return luma.float().expand(count, 8, 8), chroma.float().expand(count, 8, 8)


def test_an_untrained_network_changes_nothing() -> None:
    y = torch.rand(2, 3, 32, 48)
    assert torch.equal(Jpegnet(TINY)(y, *tables(30, 2)), y)


def test_the_answer_depends_on_the_tables() -> None:
    y = torch.rand(1, 3, 32, 32)
    net = network()
    coarse, fine = net(y, *tables(10)), net(y, *tables(80))
    assert float((coarse - fine).abs().max()) > 1e-3


def test_unknown_tables_hide_the_grid() -> None:
    unknown = torch.zeros(1, 8, 8)
    assert float(step_planes(unknown, unknown, 2, 2).abs().max()) == 0
    known = step_planes(*tables(30), 2, 2)
    assert len(torch.unique(known[0, 8:].flatten(1), dim=1).T) == 64  # each place in the 16x16 pixels looks different


@pytest.mark.parametrize(("across", "down"), [(1, 1), (2, 1), (1, 2), (2, 2)])
def test_chroma_steps_lie_where_chroma_samples_do(across: int, down: int) -> None:
    luma, chroma = tables(30)
    planes = torch.nn.functional.pixel_shuffle(step_planes(luma, chroma, across, down)[:, 4:8], 2)[0, 0]
    row, column = 9, 13  # a pixel of the 16x16 ones
    step = chroma[0, row // down % 8, column // across % 8]
    assert float(planes[row, column]) == pytest.approx(float(step.log2()) / 4 - 1)


def test_nothing_beyond_the_radius_matters() -> None:
    net, far = network(), TINY.radius
    size = -(-(2 * far + 2) // 16) * 16
    y = torch.rand(1, 3, size, size)
    other = y.clone()
    other[..., far + 1 :, :] = torch.rand(1, 3, size - far - 1, size)
    answers = [net(picture, *tables(20)) for picture in (y, other)]
    assert torch.equal(answers[0][..., 0, :], answers[1][..., 0, :])
    assert not torch.equal(answers[0][..., far // 2, :], answers[1][..., far // 2, :])


def test_the_spec_counts_the_multiplications() -> None:
    counted = 0

    def count(layer: torch.nn.Module, _: object, answer: torch.Tensor) -> None:
        nonlocal counted
        kernel = layer.weight.numel()  # type: ignore[union-attr, operator]
        if isinstance(layer, torch.nn.Conv2d):
            counted += kernel * answer[0, 0].numel()
        else:  # a transposed convolution of stride 2: each of its inputs meets the whole kernel
            counted += kernel * answer[0, 0].numel() // 4

    net = network()
    for layer in net.modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
            layer.register_forward_hook(count)
    net(torch.rand(1, 3, 32, 32), *tables(20))
    assert counted / 32**2 == pytest.approx(TINY.macs, rel=0.01)


def test_weights_come_back_with_their_spec_and_half_the_bytes(tmp_path: Path) -> None:
    net = network()
    write_jpegnet(net, tmp_path / "net.safetensors")
    again = read_jpegnet(tmp_path / "net.safetensors")
    assert again.spec == TINY
    y = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(again(y, *tables(40)), net(y, *tables(40)), atol=2e-2, rtol=2e-2)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="expected safetensors weights"):
        read_jpegnet(tmp_path / "net.safetensors")
