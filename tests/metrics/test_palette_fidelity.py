from __future__ import annotations

import math

import pytest
import torch

from vdequant.metrics.fidelity import psnr, ssim
from vdequant.metrics.palette_fidelity import palette_psnr, palette_ssim
from vdequant.quantizers.uniform import UniformQuantizer


def test_a_result_inside_its_cells_is_perfectly_faithful() -> None:
    quantizer = UniformQuantizer.of_levels(4)
    truth = torch.rand(1, 3, 16, 16)
    stored = quantizer.quantize(truth)
    assert math.isinf(palette_psnr(truth, stored, quantizer).item())
    assert palette_ssim(truth, stored, quantizer).item() == pytest.approx(1)


def test_a_result_outside_its_cells_is_compared_after_quantizing() -> None:
    quantizer = UniformQuantizer.of_levels(4)
    stored = quantizer.quantize(torch.rand(1, 3, 16, 16))
    result = (stored + 0.3).clamp(0, 1)
    assert palette_psnr(result, stored, quantizer).item() == psnr(quantizer.quantize(result), stored).item()
    assert palette_ssim(result, stored, quantizer).item() == ssim(quantizer.quantize(result), stored).item()
