"""Networks that others trained, loaded by spandrel from a file of weights; the only place that imports it.

spandrel recognizes some 50 architectures by the names of their tensors. It is an extra, because it brings torchvision
with it, which has to fit the installed torch.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.errors import ModelError
from vdequant.quantizers.base import Cells
from vdequant.restorers.base import WHOLE_PICTURE, Needs

TILE_HALO = 48  # pixels around a tile where the user asks for tiles: most networks see little farther


def _weights(path: Path) -> dict[str, Any]:
    """The tensors of a file. Pickles are read with ``weights_only``: nothing in them is executed."""
    try:
        if path.suffix.lower() == ".safetensors":
            return load_file(path)
        read: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return read
    except FileNotFoundError as error:
        raise ModelError(f"expected a network in {path}, which does not exist; check the name") from error
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError, ImportError) as error:
        raise ModelError(f"expected weights in {path}, cannot read them ({type(error).__name__})") from error
    except Exception as error:  # pickle.UnpicklingError and what damaged pickles raise besides
        raise ModelError(f"expected nothing but tensors in {path}, got other objects; convert it first") from error


def _spandrel(path: Path) -> Any:
    """The package, which brings torchvision with it; that fails in its own way when it was built for another torch."""
    try:
        return import_module("spandrel")
    except ImportError as error:
        raise ModelError(
            f"expected spandrel to run {path.name}, found none: pip install '.[community]' in a checkout"
        ) from error
    except RuntimeError as error:
        why = str(error).splitlines()[0]
        raise ModelError(f"expected torchvision to fit torch {torch.__version__}, it says: {why}") from error


def load_network(path: Path, *, enlarges: bool = False) -> Any:
    """A network of three channels as spandrel describes it, on the CPU, for pictures ``(N, 3, H, W)`` in [0, 1].

    Args:
        path: .pth, .pt, .ckpt or .safetensors with the weights of an architecture that spandrel knows.
        enlarges: whether it shall make pictures larger; otherwise it shall keep their size.

    Raises:
        ModelError: spandrel is not installed, or the file is not such a network.
    """
    spandrel = _spandrel(path)
    weights = _weights(path)
    try:
        described = spandrel.ModelLoader().load_from_state_dict(weights)
    except Exception as error:
        why = type(error).__name__
        raise ModelError(f"expected a network that spandrel knows in {path}, got none ({why})") from error
    channels = described.input_channels, described.output_channels
    if channels != (3, 3) or (described.scale > 1) != enlarges:
        wanted, other = ("enlarges", "--restorer") if enlarges else ("keeps the size", "--scaler")
        shape = f"{channels[0]} to {channels[1]} channels, scale {described.scale}"
        hint = f"; such a file is for {other}" if channels == (3, 3) else ""
        raise ModelError(f"expected a network of 3 channels that {wanted} in {path}, got {shape}{hint}")
    return described.eval()


class CommunityRestorer:
    """A network file as a restorer; see :class:`~vdequant.restorers.base.Restorer` for the promises.

    It knows nothing of cells: the projection into them is what keeps it from contradicting the source. What such
    networks see has no limit that they state, so pictures are taken whole unless ``tiled``.

    Args:
        path: see :func:`load_network`.
        tiled: pictures may be cut, with :data:`TILE_HALO` pixels around each tile; seams may show.
    """

    def __init__(self, path: Path, *, tiled: bool = False) -> None:
        self._network = load_network(path)
        needs = self._network.size_requirements
        self.needs = Needs(
            multiple_of=max(1, needs.multiple_of),
            halo=TILE_HALO if tiled else WHOLE_PICTURE,
            min_size=max(1, needs.minimum),
        )

    def to(self, device: torch.device, dtype: torch.dtype) -> CommunityRestorer:
        """Move the network; it computes in float32, which all of them can."""
        self._network = self._network.to(device)
        return self

    def restore(self, y: Tensor, cells: Cells) -> Tensor:
        """See :class:`~vdequant.restorers.base.Restorer`; one picture at a time, so that neighbors do not matter."""
        check_picture(y, "y")
        with torch.no_grad():
            restored = [self._network(one).float() for one in torch.split(y, 1)]
        return torch.cat(restored).clamp_(0, 1)
