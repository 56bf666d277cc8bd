"""What we believe: restorers guess the most plausible fine picture, given the stored one and its cells.

A restorer returns a tensor of the input's shape and device, float32, within [0, 1]; it is deterministic, a picture's
result does not depend on its batch neighbors, and it does not have to stay inside the cells: the caller projects. What
it needs of its input's size is data (:class:`~vdequant.restorers.base.Needs`), satisfied in one place by the caller.
To add one, write a class without constructor arguments in a file of its own and add its line below.
"""

from __future__ import annotations

from pathlib import Path

from vdequant.errors import UsageError

# name -> "module:Class", imported on use
RESTORERS: dict[str, str] = {
    "identity": "vdequant.restorers.identity:Identity",
    "deband": "vdequant.restorers.deband:Deband",
    "cellnet-s": "vdequant.restorers.cellnet:CellnetSmall",
    "cellnet-m": "vdequant.restorers.cellnet:CellnetMedium",
    "cellnet-l": "vdequant.restorers.cellnet:CellnetLarge",
    "pix2pix": "vdequant.restorers.pix2pix:Pix2Pix",
    "pix2pix-fq": "vdequant.restorers.pix2pix_fq:Pix2PixFq",
    "pix2pix-fq+": "vdequant.restorers.pix2pix_fq:Pix2PixFqPlus",
    "dequantizernet": "vdequant.restorers.dequantizernet:Dequantizernet",
    "dequantizernet+": "vdequant.restorers.dequantizernet_plus:DequantizernetPlus",
    "diffusion": "vdequant.restorers.diffusion:Diffusion",
    "map": "vdequant.restorers.map_prior:MapPrior",
    "map+": "vdequant.restorers.map_plus:MapPlus",
}
# Files of networks that others trained: a restorer without a line above, see restorers/community.py.
WEIGHTS_ENDINGS = (".pth", ".pt", ".ckpt", ".safetensors")


def is_weights_file(name: str) -> bool:
    """Whether the name is that of a file of weights, by its ending."""
    return Path(name).suffix.lower() in WEIGHTS_ENDINGS


def check_restorer(name: str, *others: str) -> None:
    """Raise :class:`UsageError` unless ``name`` is a restorer of the table, one of ``others``, or a file of weights."""
    if name not in RESTORERS and name not in others and not is_weights_file(name):
        known = ", ".join((*others, *RESTORERS))
        raise UsageError(
            f"expected --restorer as one of {known}, or a file ({' '.join(WEIGHTS_ENDINGS)}), got {name!r}"
        )
