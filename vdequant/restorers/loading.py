"""Builds a restorer: one of the table by its name, or one of a file of weights."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from vdequant.models import cellnet_weights, dequantizernet_weights, jpegnet_weights, pix2pix_weights, prior_weights
from vdequant.models.pix2pix_weights import read_unet
from vdequant.models.weights import format_of, packaged
from vdequant.restorers import RESTORERS, check_restorer, is_weights_file
from vdequant.restorers.base import Restorer, Sampled
from vdequant.restorers.cellnet import CellnetOfFile
from vdequant.restorers.community import CommunityRestorer
from vdequant.restorers.dequantizernet import Dequantizernet
from vdequant.restorers.dequantizernet_plus import DequantizernetPlus
from vdequant.restorers.map_prior import MapPrior
from vdequant.restorers.pix2pix import Pix2Pix
from vdequant.restorers.pix2pix_fq import Pix2PixFq
from vdequant.restorers.sampling import Sampling


def load_restorer(
    name: str, *, tiled: bool = False, sampling: Sampling | None = None, base: str = "", encoder: str = ""
) -> Restorer:
    """Build a restorer of the table by name, or one from a file of weights.

    Args:
        tiled: the user asked for tiles, so that a network whose reach is unknown may be given them.
        sampling: how "diffusion" draws its pictures.
        base, encoder: of "diffusion", in place of those that ship; see
            :func:`~vdequant.models.denoisers.denoiser_for`.

    Raises:
        UsageError: there is no such restorer.
        ModelError: a file is missing or damaged.
    """
    check_restorer(name)
    if is_weights_file(name):
        return _of_file(Path(name), tiled=tiled)
    if name == "diffusion" and (base or encoder):
        return _drawing(sampling, base, encoder)
    module, _, attribute = RESTORERS[name].partition(":")
    made: Restorer = getattr(import_module(module), attribute)()
    if sampling is not None and isinstance(made, Sampled):
        made.sampling = sampling
    return made


def weights_files(name: str) -> tuple[Path, ...]:
    """The files of weights behind a restorer: the one that is its name, or those of the package; () without any.

    Raises:
        ModelError: a packaged file is missing.
    """
    if is_weights_file(name):
        return (Path(name),)
    module, _, attribute = RESTORERS[name].partition(":")
    return tuple(packaged(weights) for weights in getattr(getattr(import_module(module), attribute), "weights", ()))


def _of_file(path: Path, *, tiled: bool) -> Restorer:
    own = OWN.get(format_of(path))
    return own(path) if own else CommunityRestorer(path, tiled=tiled)


def _pix2pix(path: Path) -> Restorer:
    net = read_unet(path)
    return Pix2PixFq(net) if net.spec.channels == 2 else Pix2Pix(net)


# format -> the restorer of such a file, as ``vdequant train`` and scripts/train_prior.py write them
OWN: dict[str, Callable[[Path], Restorer]] = {
    cellnet_weights.FORMAT: CellnetOfFile,
    dequantizernet_weights.FORMAT: Dequantizernet,
    jpegnet_weights.FORMAT: DequantizernetPlus,
    pix2pix_weights.FORMAT: _pix2pix,
    prior_weights.FORMAT: MapPrior,
}


def _drawing(sampling: Sampling | None, base: str, encoder: str) -> Restorer:
    """The restorer "diffusion" with a model that does not ship."""
    from vdequant.models.denoisers import denoiser_for
    from vdequant.restorers.diffusion import Diffusion

    return Diffusion(denoiser_for(base=base, encoder=encoder), sampling)
