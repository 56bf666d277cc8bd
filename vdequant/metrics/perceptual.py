"""Learned distances: FID and LPIPS. Their networks are not shipped: they are taken from where the user has them.

Nothing is downloaded. Without weights the functions raise :class:`ModelError` and say which file goes where; any
feature extractor of one's own can be given instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.checks import check_picture, check_same_shape
from vdequant.errors import ModelError

Features = Callable[[Tensor], Tensor]  # (N, 3, H, W) in [0, 1] -> (N, D)
Distance = Callable[[Tensor, Tensor], Tensor]  # two (N, 3, H, W) in [-1, 1] -> (N, ...)

INCEPTION_FILE = "inception-2015-12-05.pt"  # TorchScript, as NVIDIA's StyleGAN and clean-fid use it
INCEPTION_VARIABLE = "VDEQUANT_INCEPTION"
INCEPTION_SIDE = 299
ALEXNET_FILE = "alexnet-owt-7be5be79.pth"  # the backbone that lpips would otherwise download


def _hub_files() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _inception_places() -> list[Path]:
    named = os.environ.get(INCEPTION_VARIABLE)
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "vdequant"
    return [*([Path(named)] if named else []), cache / INCEPTION_FILE, _hub_files() / INCEPTION_FILE]


def inception_features(path: Path | None = None) -> Features:
    """Inception-v3's 2048 pooled features, the ones that FID is defined with.

    Args:
        path: the TorchScript file ``inception-2015-12-05.pt``; None looks at $VDEQUANT_INCEPTION, the user's
            cache (``~/.cache/vdequant``) and torch's (``torch.hub.get_dir()/checkpoints``).

    Raises:
        ModelError: the file is not there, or is no TorchScript module.
    """
    places = [path] if path is not None else _inception_places()
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise ModelError(
            f"expected Inception weights for FID in {places[0]}, found none: put {INCEPTION_FILE} there or set "
            f"{INCEPTION_VARIABLE}"
        )
    try:
        network = torch.jit.load(str(found), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise ModelError(f"expected a TorchScript module in {found}, cannot read it; download it again") from error

    def features(x: Tensor) -> Tensor:
        sized = functional.interpolate(
            x.float(), (INCEPTION_SIDE, INCEPTION_SIDE), mode="bicubic", align_corners=False, antialias=True
        )
        result: Tensor = network((sized.clamp(0, 1) * 255).round(), return_features=True)
        return result.flatten(1)

    return features


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """Distance between gaussians fitted to two sets of features (Heusel et al. 2017, equation 6).

    The trace of the root of a product of covariances A B is that of the symmetric ``sqrt(A) B sqrt(A)``.

    Args:
        first, second: ``(N, D)`` and ``(M, D)``, two or more rows each.

    Returns:
        0 for equal mean and covariance, lower is better.
    """
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1] or min(len(first), len(second)) < 2:
        raise ValueError(f"expected features (N, D), N >= 2, got {tuple(first.shape)} and {tuple(second.shape)}")
    first, second = first.double(), second.double()
    cov_1, cov_2 = torch.cov(first.T).reshape(first.shape[1], -1), torch.cov(second.T).reshape(first.shape[1], -1)
    values, vectors = torch.linalg.eigh(cov_1)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    mixed = torch.linalg.eigvalsh(root @ cov_2 @ root).clamp(min=0).sqrt().sum()
    shift = (first.mean(0) - second.mean(0)).square().sum()
    return max(0.0, float(shift + cov_1.trace() + cov_2.trace() - 2 * mixed))


@torch.inference_mode()
def fid(x: Tensor, reference: Tensor, features: Features | None = None) -> float:
    """Fréchet inception distance between two sets of pictures.

    Args:
        x, reference: ``(N, 3, H, W)`` and ``(M, 3, h, w)`` in [0, 1]; sets of thousands, not pairs.
        features: any function or module ``(N, 3, H, W) -> (N, D)``; None: :func:`inception_features`.

    Raises:
        ModelError: no Inception weights, see there.
    """
    check_picture(x)
    check_picture(reference, "reference")
    extract = features or inception_features()
    return frechet_distance(extract(x), extract(reference))


def lpips_network() -> Distance:
    """LPIPS with AlexNet (Zhang et al. 2018), through the ``lpips`` package.

    Raises:
        ModelError: the package or the AlexNet weights are not there; ``lpips`` would download them unasked.
    """
    try:
        package = import_module("lpips")
    except ImportError as error:
        raise ModelError("expected the lpips package for LPIPS, found none: pip install lpips") from error
    if not (_hub_files() / ALEXNET_FILE).is_file():
        raise ModelError(f"expected AlexNet weights for LPIPS, found none: put {ALEXNET_FILE} into {_hub_files()}")
    network: Distance = package.LPIPS(net="alex", verbose=False).eval()
    return network


@torch.inference_mode()
def lpips(x: Tensor, reference: Tensor, network: Distance | None = None) -> Tensor:
    """Learned perceptual distance of pairs of pictures.

    Args:
        x, reference: ``(N, 3, H, W)`` in [0, 1].
        network: any function of two pictures in [-1, 1] with one value a picture; None: :func:`lpips_network`.

    Returns:
        ``(N,)``, lower is better.

    Raises:
        ModelError: no network, see there.
    """
    check_picture(x)
    check_same_shape(x, reference, "x, reference")
    measure = network or lpips_network()
    return measure(x * 2 - 1, reference * 2 - 1).reshape(len(x), -1).mean(1)
