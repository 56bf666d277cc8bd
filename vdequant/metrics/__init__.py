"""Numbers for how good a restored picture is. Pictures are ``(N, 3, H, W)`` in [0, 1].

The table holds those that give ``(N,)``, one number a picture: most compare with the true picture,
``metric(x, reference)``; "certificate" asks the quantizer, ``certificate(x, cells)``; "palette-psnr" and
"palette-ssim" quantize again, ``palette_psnr(x, stored, quantizer)``; "banding" needs nothing else, ``banding(x)``. To
add one, write such a function in a file of its own and add its line below, and in ``evaluation/scores.py`` what it
is given.

Others are not about single pictures: ``perceptual.fid(x, reference)`` compares two sets of pictures;
``temporal.flicker(x, reference)`` and ``temporal.warping_error(x, reference)`` take clips ``(T, 3, H, W)``. CAMBI,
which needs an ffmpeg with libvmaf, is ``media/ffmpeg_cli.py``'s ``cambi``.
"""

from __future__ import annotations

# name -> "module:function", imported on use
METRICS: dict[str, str] = {
    "psnr": "vdequant.metrics.fidelity:psnr",
    "psnr-b": "vdequant.metrics.blocking:psnr_b",
    "ssim": "vdequant.metrics.fidelity:ssim",
    "ssim-uniform": "vdequant.metrics.fidelity:ssim_uniform",
    "ssim-dequantizernet": "vdequant.metrics.fidelity:ssim_dequantizernet",
    "mse": "vdequant.metrics.fidelity:mse",
    "delta-e": "vdequant.metrics.color_difference:delta_e",
    "ab-error": "vdequant.metrics.color_difference:ab_error",
    "lpips": "vdequant.metrics.perceptual:lpips",
    "certificate": "vdequant.metrics.certificate:certificate",
    "palette-psnr": "vdequant.metrics.palette_fidelity:palette_psnr",
    "palette-ssim": "vdequant.metrics.palette_fidelity:palette_ssim",
    "banding": "vdequant.metrics.banding:banding",
}
