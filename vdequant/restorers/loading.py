"""Builds a restorer: one of the table by its name, or one of a file of weights."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from vdequant.models.dequantizernet_weights import is_generator
from vdequant.models.prior_weights import is_prior
from vdequant.restorers import RESTORERS, check_restorer, is_weights_file
from vdequant.restorers.base import Restorer, Sampled
from vdequant.restorers.community import CommunityRestorer
from vdequant.restorers.dequantizernet import Dequantizernet
from vdequant.restorers.map_prior import MapPrior
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


def _of_file(path: Path, *, tiled: bool) -> Restorer:
    if is_prior(path):
        return MapPrior(path)
    return Dequantizernet(path) if is_generator(path) else CommunityRestorer(path, tiled=tiled)


def _drawing(sampling: Sampling | None, base: str, encoder: str) -> Restorer:
    """The restorer "diffusion" with a model that does not ship."""
    from vdequant.models.denoisers import denoiser_for
    from vdequant.restorers.diffusion import Diffusion

    return Diffusion(denoiser_for(base=base, encoder=encoder), sampling)
