"""Networks that others trained, loaded by spandrel from a file of weights; the only place that imports it."""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vdequant.errors import ModelError
from vdequant.evaluation.degradations import Stored
from vdequant.evaluation.methods import Work


def _weights(path: Path) -> dict[str, Any]:
    """The tensors of a file. Pickles are read with ``weights_only``: nothing in them is executed."""
    try:
        if path.suffix == ".safetensors":
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
            f"expected spandrel to run {path.name}, found none: pip install 'vdequant[community]'"
        ) from error
    except RuntimeError as error:
        raise ModelError(f"expected torchvision to fit torch {torch.__version__}, it says: {error}") from error


class CommunityNetwork:
    """A network file as a peer; see :class:`~vdequant.evaluation.methods.Method`.

    Args:
        path: .pth or .safetensors with the weights of an architecture that spandrel knows.
        device: where it runs, float32.

    Raises:
        ModelError: spandrel is not installed, or the file is not such a network, or it enlarges.
    """

    def __init__(self, path: Path, device: str = "cpu") -> None:
        spandrel = _spandrel(path)
        weights = _weights(path)
        try:
            described = spandrel.ModelLoader().load_from_state_dict(weights)
        except Exception as error:
            why = type(error).__name__
            raise ModelError(f"expected a network that spandrel knows in {path}, got none ({why})") from error
        if (described.scale, described.input_channels, described.output_channels) != (1, 3, 3):
            shape = f"{described.input_channels} to {described.output_channels} channels, scale {described.scale}"
            raise ModelError(f"expected a network of 3 channels that keeps the size in {path}, got {shape}")
        self.name = path.stem
        self.device = torch.device(device)
        self.model = described.to(self.device).eval()
        self._checksum = hashlib.sha256(path.read_bytes()).hexdigest()[:16]

    def key(self, degradation: str) -> str:
        """See the contract."""
        return f"{self.name} {self._checksum}"

    def prepare(self, degradation: str) -> Work:
        """See the contract."""

        def work(stored: Stored) -> Tensor:
            results = [self.model(y[None].to(self.device)).float().clamp(0, 1).cpu() for y in stored.tensor()]
            return torch.cat(results)

        return work
