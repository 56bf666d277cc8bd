"""The embedded diffusion model: an encoder begins silent, learns without its base, and both travel as files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from vdequant.errors import ModelError
from vdequant.models.conditioning import COLORS, PLANES
from vdequant.models.denoiser import Embedded
from vdequant.models.diffusion import (
    LEAST_SIGMA,
    SMALL,
    TINY,
    TRAINED_STEPS,
    Base,
    DiffusionSpec,
    Encoder,
    at,
    noise_levels,
    picture_of,
)
from vdequant.models.diffusion_weights import read_base, read_encoder, write_diffusion

STEP = torch.tensor([10, 900])


def noisy(side: int = 16) -> torch.Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))


def planes(side: int = 16) -> torch.Tensor:
    return torch.rand(2, PLANES, side, side, generator=torch.Generator().manual_seed(2))


def speaking(base: Base) -> Encoder:
    """An encoder whose last convolutions are not zero any more."""
    torch.manual_seed(3)
    encoder = Encoder(base)
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return encoder.requires_grad_(False)


@pytest.fixture(scope="module")
def base() -> Base:
    torch.manual_seed(1)
    return Base(TINY).eval().requires_grad_(False)


def test_an_encoder_says_nothing_at_first(base: Base) -> None:
    encoder = Encoder(base)
    with torch.no_grad():
        told = encoder(base, noisy(), STEP, planes())
    assert torch.equal(told, base(noisy(), STEP))


def test_what_an_encoder_says_changes_the_answer(base: Base) -> None:
    encoder = speaking(base)
    one = encoder(base, noisy(), STEP, planes())
    other = encoder(base, noisy(), STEP, 1 - planes())
    assert (one - other).abs().mean() > 1e-3


def test_an_encoder_learns_through_a_frozen_base(base: Base) -> None:
    encoder = Encoder(base).requires_grad_(True)
    encoder(base, noisy(), STEP, planes()).square().mean().backward()
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in encoder.parameters())
    assert all(parameter.grad is None for parameter in base.parameters())


def test_the_shipped_model_has_the_size_that_was_promised() -> None:
    base = Base(SMALL)
    count = sum(p.numel() for p in base.parameters()) + 3 * sum(p.numel() for p in Encoder(base).parameters())
    assert 2 * count < 16e6


def test_v_gives_the_picture_back() -> None:
    picture, noise = noisy(8), noisy(8).flip(0)
    alpha, sigma = (at(levels, STEP) for levels in noise_levels())
    v = alpha * noise - sigma * picture
    torch.testing.assert_close(picture_of(alpha * picture + sigma * noise, v, alpha, sigma), picture)


def test_noise_goes_from_almost_none_to_almost_all() -> None:
    alpha, sigma = noise_levels()
    assert len(alpha) == TRAINED_STEPS
    assert alpha[0] > 0.999
    assert alpha[-1] < 0.01
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones(TRAINED_STEPS))


def test_weights_travel(tmp_path: Path, base: Base) -> None:
    encoder = speaking(base)
    write_diffusion(base, tmp_path / "base.safetensors")
    write_diffusion(encoder, tmp_path / "encoder.safetensors")
    again, told = read_base(tmp_path / "base.safetensors"), read_encoder(tmp_path / "encoder.safetensors")
    assert again.spec == TINY
    expected = encoder(base, noisy(), STEP, planes())
    found = told(again, noisy(), STEP, planes())
    torch.testing.assert_close(found, expected, rtol=0, atol=0.02)
    assert not any(parameter.requires_grad for parameter in (*again.parameters(), *told.parameters()))


def test_a_base_is_no_encoder(tmp_path: Path, base: Base) -> None:
    write_diffusion(base, tmp_path / "base.safetensors")
    with pytest.raises(ModelError, match="vdequant-diffusion-encoder-1"):
        read_encoder(tmp_path / "base.safetensors")


def test_a_damaged_file_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "base.safetensors"
    path.write_bytes(b"no weights at all")
    with pytest.raises(ModelError, match="expected safetensors weights") as caught:
        read_base(path)
    assert "\n" not in str(caught.value)


def test_the_smallest_picture_follows_from_the_spec() -> None:
    assert DiffusionSpec((8, 8, 8), 1, 2, 4).multiple == 8
    assert Embedded("G", Base(TINY), Encoder(Base(TINY))).multiple == TINY.multiple == 4


def test_half_precision_stays_close(base: Base) -> None:
    exact = Embedded("L", base, speaking(base)).predict(noisy(), STEP, planes())
    rounded = Embedded("L", base, speaking(base)).to(torch.device("cpu"), torch.bfloat16)
    found = rounded.predict(noisy(), STEP, planes())
    rounded.to(torch.device("cpu"), torch.float32)
    assert found.dtype == torch.float32
    assert (found - exact).abs().mean() < 0.05 * exact.abs().mean()


def test_at_the_finest_scale_the_told_colors_can_take_over(base: Base) -> None:
    """With a share of 1 and no change, the picture behind the noise is the one that was told."""
    encoder = Encoder(base).requires_grad_(False)
    shares = encoder.finest.last.bias.view(4, -1)
    shares[3] = 20.0
    v = encoder(base, noisy(), STEP, planes())
    alpha, sigma = (at(levels, STEP) for levels in noise_levels())
    found = picture_of(noisy(), v, alpha, sigma)
    torch.testing.assert_close(found[1:], planes()[1:, COLORS] * 2 - 1, rtol=0, atol=1e-4)


def test_where_there_is_hardly_any_noise_nothing_takes_over(base: Base) -> None:
    encoder = Encoder(base).requires_grad_(False)
    without = encoder(base, noisy(), STEP, planes())
    encoder.finest.last.bias.view(4, -1)[3] = 20.0
    alpha, sigma = (at(levels, STEP) for levels in noise_levels())
    found, before = (picture_of(noisy(), v, alpha, sigma)[0] for v in (encoder(base, noisy(), STEP, planes()), without))
    told = (planes()[0, COLORS] * 2 - 1 - before).abs()
    assert ((found - before).abs() <= told * (sigma[0] / LEAST_SIGMA) + 1e-5).all()
    assert sigma[0] < LEAST_SIGMA


def test_several_threads_may_ask_one_model(base: Base) -> None:
    encoder = speaking(base)
    inputs = [(noisy() * scale, planes() * scale) for scale in (0.2, 0.5, 0.8, 1.0)]

    def ask(given: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        with torch.no_grad():
            return encoder(base, given[0], STEP, given[1])

    alone = [ask(given) for given in inputs]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            for one, other in zip(pool.map(ask, inputs), alone, strict=True):
                torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
