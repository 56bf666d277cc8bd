"""Variants of metrics that papers state."""

from __future__ import annotations

import pytest
import torch

from vdequant.metrics.fidelity import ssim, ssim_dequantizernet


def test_dequantizernets_ssim_differs_by_its_second_constant_alone() -> None:
    from skimage.metrics import structural_similarity

    one, other = (torch.rand(1, 3, 24, 20, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    expected = structural_similarity(
        *(x[0].permute(1, 2, 0).double().numpy() for x in (one, other)),
        gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1, channel_axis=2, K2=0.02,
    )  # fmt: skip
    assert float(ssim_dequantizernet(one, other)) == pytest.approx(expected, abs=1e-9)
    assert float(ssim_dequantizernet(one, other)) != float(ssim(one, other))
