"""Numbers for how good a restored picture is. All take ``(N, 3, H, W)`` in [0, 1] and give ``(N,)``, one a picture.

"psnr" and "ssim" compare with the true picture: ``metric(x, reference)``; "certificate" asks the quantizer:
``certificate(x, cells)``; "banding" needs nothing else: ``banding(x)``. To add one, write such a function in a file of
its own and add its line below.
"""

from __future__ import annotations

# name -> "module:function", imported on use
METRICS: dict[str, str] = {
    "psnr": "vdequant.metrics.fidelity:psnr",
    "ssim": "vdequant.metrics.fidelity:ssim",
    "certificate": "vdequant.metrics.certificate:certificate",
    "banding": "vdequant.metrics.banding:banding",
}
