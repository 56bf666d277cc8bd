from __future__ import annotations

import math
from importlib import import_module

import pytest
import torch

from vdequant.metrics import METRICS
from vdequant.metrics.banding import banding
from vdequant.metrics.certificate import certificate
from vdequant.metrics.fidelity import mse, psnr, ssim, ssim_uniform
from vdequant.quantizers.base import Cells
from vdequant.quantizers.uniform import UniformQuantizer


def pair(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    reference = torch.rand(2, 3, 24, 31, generator=random)
    return (reference + 0.1 * torch.randn(reference.shape, generator=random)).clamp(0, 1), reference


def result_of(name: str, x: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    module, _, function = METRICS[name].partition(":")
    measure = getattr(import_module(module), function)
    return measure(x, *rest_of(name, x, reference))


def rest_of(name: str, x: torch.Tensor, reference: torch.Tensor) -> tuple[object, ...]:
    """What a metric is given besides the picture."""
    if name == "banding":
        return ()
    if name == "certificate":
        return (cells_of(x),)
    if name.startswith("palette-"):
        return reference, UniformQuantizer.of_levels(8)
    if name == "lpips":  # its network is not shipped
        return reference, lambda a, b: (a - b).abs().mean(dim=(1, 2, 3), keepdim=True)
    return (reference,)


def cells_of(x: torch.Tensor) -> Cells:
    quantizer = UniformQuantizer.of_levels(8)
    return quantizer.cells(quantizer.quantize(x))


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_gives_one_number_a_picture_whatever_its_neighbors(name: str) -> None:
    x, reference = pair()
    both = result_of(name, x, reference)
    assert both.shape == (2,)
    torch.testing.assert_close(both[1:], result_of(name, x[1:], reference[1:]))


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_refuses_what_is_no_picture(name: str) -> None:
    module, _, function = METRICS[name].partition(":")
    measure = getattr(import_module(module), function)
    with pytest.raises(ValueError, match=r"\(N, 3, H, W\)"):
        measure(torch.rand(3, 24, 31), *rest_of(name, *pair()))


def test_psnr_agrees_with_scikit_image() -> None:
    skimage = pytest.importorskip("skimage.metrics")
    x, reference = pair()
    expected = [
        skimage.peak_signal_noise_ratio(b.numpy(), a.numpy(), data_range=1) for a, b in zip(x, reference, strict=True)
    ]
    assert psnr(x, reference).tolist() == pytest.approx(expected, abs=1e-6)


def test_psnr_of_equal_pictures_is_infinite() -> None:
    x, _ = pair()
    assert all(math.isinf(value) for value in psnr(x, x).tolist())


def test_ssim_agrees_with_scikit_image() -> None:
    skimage = pytest.importorskip("skimage.metrics")
    x, reference = pair()
    expected = [
        skimage.structural_similarity(
            a.double().numpy(), b.double().numpy(), data_range=1, channel_axis=0,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )
        for a, b in zip(x, reference, strict=True)
    ]  # fmt: skip
    assert ssim(x, reference).tolist() == pytest.approx(expected, abs=1e-6)
    assert ssim(x, x).tolist() == pytest.approx([1, 1], abs=1e-9)


def test_uniform_ssim_agrees_with_scikit_images_default() -> None:
    skimage = pytest.importorskip("skimage.metrics")
    x, reference = pair(1)
    expected = [
        skimage.structural_similarity(a.double().numpy(), b.double().numpy(), data_range=1, channel_axis=0)
        for a, b in zip(x, reference, strict=True)
    ]
    assert ssim_uniform(x, reference).tolist() == pytest.approx(expected, abs=1e-6)


def test_mean_squared_error_is_in_codes() -> None:
    x = torch.zeros(1, 3, 4, 4)
    assert mse(x + 2 / 255, x).item() == pytest.approx(4)


def test_ssim_refuses_pictures_smaller_than_its_window() -> None:
    with pytest.raises(ValueError, match="11x11"):
        ssim(torch.rand(1, 3, 10, 30), torch.rand(1, 3, 10, 30))
    with pytest.raises(ValueError, match="7x7"):
        ssim_uniform(torch.rand(1, 3, 6, 30), torch.rand(1, 3, 6, 30))


def test_metrics_of_two_pictures_refuse_different_sizes() -> None:
    for metric in (psnr, ssim, ssim_uniform, mse):
        with pytest.raises(ValueError, match="one shape"):
            metric(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 17))


def test_certificate_is_the_share_of_samples_in_their_cells() -> None:
    quantizer = UniformQuantizer.of_levels(4)
    y = quantizer.quantize(torch.rand(2, 3, 4, 4))
    restored = y.clone()
    restored[1, 0] = (y[1, 0] + 0.5) % 1.0
    assert certificate(restored, quantizer.cells(y)).tolist() == pytest.approx([1.0, 2 / 3])


def test_a_banded_ramp_scores_one_over_its_band_width_and_a_smooth_one_nothing() -> None:
    ramp = torch.linspace(0.2, 0.6, 64).expand(1, 3, 64, 64)
    bands = torch.arange(64).div(8, rounding_mode="floor").mul(0.02).add(0.3).expand(1, 3, 64, 64)
    assert banding(ramp).item() == 0
    # Seven of the 57 places across, and none down; the index is the mean of the two directions.
    assert banding(bands).item() == pytest.approx(7 / 57 / 2)


def test_hard_edges_and_noise_are_no_bands() -> None:
    edge = torch.zeros(1, 3, 32, 32)
    edge[..., 16:] = 1.0
    noise = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert banding(edge).item() == 0
    assert banding(noise).item() < 1e-3
