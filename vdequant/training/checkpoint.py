"""Checkpoints of a training run: everything that learns in one file, written beside and renamed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from vdequant.errors import ModelError


class Stateful(Protocol):
    """A network, an optimizer, a moving average: whatever can give its state and take it back."""

    def state_dict(self) -> Any:
        """Tensors and plain values."""
        ...

    def load_state_dict(self, state: Any, /) -> Any:
        """Take back what :meth:`state_dict` gave."""
        ...


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        steps: done.
        seconds: of training, over all sittings.
        best: the best scores on held-back pictures, by name; empty before the first validation.
    """

    steps: int = 0
    seconds: float = 0.0
    best: dict[str, float] = field(default_factory=dict)


class Checkpoints:
    """The checkpoint files of one run.

    Args:
        folder: is made when it is missing.
        parts: what is saved, by name; the same names and shapes when it is loaded.
        device: that tensors are loaded to.
    """

    def __init__(self, folder: Path, parts: Mapping[str, Stateful], device: torch.device | None = None) -> None:
        self.folder, self.parts, self.device = folder, dict(parts), device or torch.device("cpu")
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str = "last") -> Path:
        """Of a checkpoint."""
        return self.folder / f"{name}.pt"

    def save(self, progress: Progress, name: str = "last") -> None:
        """Write beside and rename, so that a kill never leaves half of one."""
        state = {"progress": [progress.steps, progress.seconds, progress.best]}
        beside = self.folder / f"{name}.next.pt"
        torch.save({**state, **{key: part.state_dict() for key, part in self.parts.items()}}, beside)
        beside.replace(self.path(name))

    def load(self, name: str = "last") -> Progress | None:
        """Give every part its saved state; None when there is no such checkpoint.

        Raises:
            ModelError: when the file is damaged, or of a run with other parts or sizes.
        """
        path = self.path(name)
        if not path.exists():
            return None
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            for key, part in self.parts.items():
                part.load_state_dict(state[key])
            steps, seconds, best = state["progress"]
        except (RuntimeError, KeyError, ValueError, EOFError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelError(
                f"expected the checkpoint of this run in {path}, cannot use it ({reason}); choose another --runs"
            ) from error
        return Progress(steps, seconds, best)
