"""Where the numbers of a training run go besides its CSV files: TensorBoard or Weights & Biases, when installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from vdequant.errors import UsageError

PROJECT = "vdequant"  # of Weights & Biases


class Tracker(Protocol):
    """Takes numbers as they come."""

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers of one step, by name."""
        ...

    def close(self) -> None:
        """Nothing more will come."""
        ...


class NoTracker:
    """Keeps nothing: the CSV files are enough."""

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """See :class:`Tracker`."""

    def close(self) -> None:
        """See :class:`Tracker`."""


class TensorBoard:
    """Writes event files into the folder of the run."""

    def __init__(self, package: Any, folder: Path) -> None:
        self.writer = package.SummaryWriter(log_dir=str(folder))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """See :class:`Tracker`."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        """See :class:`Tracker`."""
        self.writer.close()


class WeightsAndBiases:
    """Sends to the user's own account; a resumed run goes on with the same graph."""

    def __init__(self, package: Any, folder: Path) -> None:
        self.run = package.init(project=PROJECT, name=folder.name, id=folder.name, dir=str(folder), resume="allow")

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """See :class:`Tracker`."""
        self.run.log(dict(values), step=step)

    def close(self) -> None:
        """See :class:`Tracker`."""
        self.run.finish()


# name -> (module, what to install, maker)
TRACKERS: dict[str, tuple[str, str, Callable[[Any, Path], Tracker]]] = {
    "tensorboard": ("torch.utils.tensorboard", "tensorboard", TensorBoard),
    "wandb": ("wandb", "wandb", WeightsAndBiases),
}


def make_tracker(name: str, folder: Path) -> Tracker:
    """The tracker of that name for the run in ``folder``; "" for none.

    Raises:
        UsageError: the package is not installed, or there is no such tracker.
    """
    if not name:
        return NoTracker()
    if name not in TRACKERS:
        raise UsageError(f"expected --track as one of {', '.join(TRACKERS)}, got {name!r}")
    module, package, maker = TRACKERS[name]
    try:
        return maker(import_module(module), folder)
    except ImportError as error:
        raise UsageError(f"expected {package} for --track {name}, found none: pip install {package}") from error
