"""What is compared: doing nothing, the restorers, and the peers of ``peers.py``, behind one contract."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from vdequant import temporal
from vdequant.errors import UsageError
from vdequant.evaluation.degradations import Stored
from vdequant.frame_work import Recipe, keep_drawn, restore_native
from vdequant.frames import Layout
from vdequant.quantizers import dither, mean_cells, pattern_cells, strokes, telling, textures
from vdequant.restorers import RESTORERS, ensemble
from vdequant.restorers.loading import load_restorer, weights_files
from vdequant.restorers.sampling import Sampling
from vdequant.schedule.device import Engine
from vdequant.schedule.tiles import automatic_side
from vdequant.settings import Settings
from vdequant.smoothing import as_frame
from vdequant.temporal.chain import make_smoother

COUNTS = {"tta": 8, "once": 1}  # of views
SMOOTHED = ("lock", "flow")
ADDITIONS = (*COUNTS, *SMOOTHED)
WHOLE = 1 << 30  # side of a tile that no picture fills

Work = Callable[[Stored], Tensor]  # the stored pictures -> (T, 3, H, W) float32 in [0, 1]


class Method(Protocol):
    """A row of the tables."""

    @property
    def name(self) -> str:
        """What it is called in the tables."""
        ...

    def key(self, degradation: str) -> str:
        """Everything that its results depend on besides the pictures: settings, weights."""
        ...

    def prepare(self, degradation: str) -> Work:
        """What does the work for pictures stored in this way; loading weights happens here and is not timed."""
        ...


class Nothing:
    """The stored picture as it is: the row that every table begins with."""

    name = "nothing"

    def key(self, degradation: str) -> str:
        """See :class:`Method`."""
        return self.name

    def prepare(self, degradation: str) -> Work:
        """See :class:`Method`."""
        return lambda stored: stored.tensor()


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _weights_of(name: str) -> str:
    """Checksums of a restorer's packaged weights, which its class names when they are not called as it is."""
    return " ".join(_checksum(path) for path in weights_files(name))


def _split(name: str) -> tuple[str, list[str]]:
    """A restorer, whose own name may end in "+", and what is added behind it."""
    known = [base for base in RESTORERS if name == base or name.startswith(f"{base}+")]
    base = max(known, key=len, default=name.partition("+")[0])
    return base, name[len(base) :].split("+")[1:]


def _sources_of(smoothers: Sequence[str]) -> list[Path]:
    """The files in which smoothing over time is described."""
    folder = Path(temporal.__file__).parent
    used = ["base", "cuts", "alike", "motion", "flicker", *smoothers] if set(smoothers) & set(SMOOTHED) else []
    return [folder / f"{name}.py" for name in used if name not in COUNTS]


@dataclass(frozen=True, slots=True)
class Drawing:
    """How the restorer diffusion draws its pictures.

    Attributes:
        sampling: its settings; its fidelity is that of the row.
        base, encoder: see :func:`~vdequant.models.denoisers.denoiser_for`.
    """

    sampling: Sampling = field(default_factory=lambda: Sampling.to_restore(Settings()))
    base: str = ""
    encoder: str = ""

    def key(self) -> str:
        """Everything that it decides."""
        return f"{self.sampling} {self.base} {_checksum(Path(self.encoder)) if self.encoder else ''}"


class Restoring:
    """One of our restorers, told the true quantizer's cells, on whole pictures with its own tiling.

    Args:
        name: of RESTORERS; behind it "+tta" for the mean of eight answers, turned and mirrored, "+once" for one where
            several are usual, and "+lock" or "+flow" for smoothing over the time of a clip.
        engine: where it runs.
        fidelity: share of the way that its result is moved into the cells.
        drawing: of "diffusion".

    Raises:
        UsageError: there is no such restorer.
    """

    def __init__(self, name: str, engine: Engine, fidelity: float = 1.0, drawing: Drawing | None = None) -> None:
        self.base, self.additions = _split(name)
        if self.base not in RESTORERS or not set(self.additions) <= set(ADDITIONS):
            words = ", ".join(RESTORERS)
            raise UsageError(
                f"expected --restorer as one of {words}, and +{', +'.join(ADDITIONS)} behind it; got {name!r}"
            )
        self.name = name
        self.engine = engine
        self.fidelity = fidelity
        self.drawing = drawing or Drawing()

    def key(self, degradation: str) -> str:
        """See :class:`Method`."""
        source = inspect.getsourcefile(import_module(RESTORERS[self.base].partition(":")[0])) or ""
        parts = strokes, textures, ensemble, dither, mean_cells, pattern_cells, telling
        shared = [Path(inspect.getfile(part)) for part in parts]
        sources = Path(source), *shared, *_sources_of(self.additions)
        code = " ".join(_checksum(path) for path in sources)
        number = str(self.engine.dtype).removeprefix("torch.")
        drawn = f" {self.drawing.key()}" if self.base == "diffusion" else ""
        return f"{self.name} {code} {_weights_of(self.base)} {number} {self.fidelity:g}{drawn}"

    def prepare(self, degradation: str) -> Work:
        """See :class:`Method`."""
        how = self.drawing
        sampling = replace(how.sampling, fidelity=self.fidelity)
        with torch.inference_mode(mode=False):  # "map" needs gradients through its networks
            restorer = load_restorer(self.base, sampling=sampling, base=how.base, encoder=how.encoder)
            restorer = restorer.to(self.engine.device, self.engine.dtype)
        restorer = ensemble.viewed(restorer, next((COUNTS[name] for name in self.additions if name in COUNTS), 0))

        def work(stored: Stored) -> Tensor:
            height, width = stored.pictures.shape[1:3]
            # Blocks of a JPEG must not be cut, so those are taken whole.
            side = WHOLE if stored.files else automatic_side(height, width, self.engine.device, restorer.needs.halo)
            recipe = Recipe(
                restorer,
                stored.quantizer,
                Layout(width, height, "rgb", 16),
                fidelity=self.fidelity,
                dithered=stored.dithered,
                tile=side,
            )
            pictures = stored.tensor().to(self.engine.device)
            steady = self._steady(recipe, pictures, [restore_native(recipe, y[None]) for y in pictures])
            return keep_drawn(recipe, pictures, steady.to(pictures.device)).cpu()

        return work

    def _steady(self, recipe: Recipe, pictures: Tensor, restored: list[Tensor]) -> Tensor:
        """The restored pictures, smoothed over time if that is asked for, as one tensor in host memory."""
        for name in SMOOTHED:
            smoother = make_smoother(name, "keep") if name in self.additions else None
            if smoother is not None:
                frames = [as_frame(recipe, y[None], x) for y, x in zip(pictures, restored, strict=True)]
                ready = [done for frame in frames for done in smoother.push(frame)] + smoother.flush()
                restored = [frame.restored for frame in ready]
        return torch.cat([x.cpu() for x in restored])
