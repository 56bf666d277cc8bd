"""The rows of the diffusion tables: what each way of using a model makes of a question."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from vdequant.color import luma_of
from vdequant.edits.luma import with_luma
from vdequant.errors import ModelError
from vdequant.evaluation.diffusion_questions import DRAWN, NOTHING, PROJECTED, Question
from vdequant.models.conditioning import COLORS
from vdequant.models.denoiser import Denoiser
from vdequant.models.denoisers import denoiser_for
from vdequant.quantizers.base import toward_cells
from vdequant.restorers.denoising import draw
from vdequant.restorers.sampling import Sampling
from vdequant.schedule.device import Engine

PREFERRED = ("L", "T", "G")  # which encoder restores where no texture is told: the first one that is there


@dataclass(frozen=True)
class Way:
    """How a row comes about.

    Attributes:
        kind: of texture, "L", "G" or "T"; "" for any.
        projected: each step's picture is moved into the cells.
        luma: the source's luma is put back afterwards.
        kept: outside the patch the source is put back afterwards.
    """

    kind: str
    projected: bool = False
    luma: bool = False
    kept: bool = False


WAYS: dict[str, Way] = {
    "T": Way("T"),
    "G": Way("G"),
    "L": Way("L"),
    "L-post": Way("L", luma=True),
    "T, projected": Way("T", projected=True),
    "T, outside kept": Way("T", kept=True),
    "L, outside kept": Way("L", kept=True),
    DRAWN: Way(""),
    PROJECTED: Way("", projected=True),
}


def _checksum(model: Denoiser) -> str:
    """Of the weights of all its networks."""
    found = hashlib.sha256()
    for net in vars(model).values():
        if isinstance(net, nn.Module):
            for name, tensor in net.state_dict().items():
                found.update(name.encode() + tensor.float().numpy().tobytes())
    return found.hexdigest()[:16]


class Models:
    """The diffusion models with each of the three encoders, loaded when they are first asked for.

    Args:
        engine: where they run.
        make: gives a model for a texture, or raises :class:`ModelError`.
    """

    def __init__(self, engine: Engine, make: Callable[[str], Denoiser] = denoiser_for) -> None:
        self.engine, self._make = engine, make
        self._found: dict[str, tuple[Denoiser, str] | ModelError] = {}

    def _load(self, kind: str) -> tuple[Denoiser, str]:
        if kind not in self._found:
            try:
                model = self._make(kind)
                checksum = _checksum(model)
                self._found[kind] = model.to(self.engine.device, self.engine.dtype), checksum
            except ModelError as error:
                self._found[kind] = error
        found = self._found[kind]
        if isinstance(found, ModelError):
            raise found
        return found

    def kind(self, wanted: str = "") -> str:
        """``wanted``, or for "" the first of PREFERRED that is there; raise :class:`ModelError` if none is."""
        if wanted:
            return wanted
        for kind in PREFERRED:
            with suppress(ModelError):
                self._load(kind)
                return kind
        self._load(PREFERRED[0])
        return PREFERRED[0]

    def model(self, kind: str) -> Denoiser:
        """The model with the encoder for "L", "G" or "T"; raise :class:`ModelError` if it is not there."""
        return self._load(kind)[0]

    def checksum(self, kind: str) -> str:
        """Of its weights."""
        return self._load(kind)[1]


class Answers:
    """The answers to one question; what several rows need is drawn once.

    Args:
        question: what is asked.
        models: who is asked.
        sampling: how pictures are drawn; its fidelity is replaced by the row's: 1 when projected, else 0.
    """

    def __init__(self, question: Question, models: Models, sampling: Sampling) -> None:
        self.question, self.models, self.sampling = question, models, sampling
        self._drawn: dict[tuple[str, bool], Tensor] = {}

    def of(self, row: str) -> tuple[Tensor, float]:
        """The answer ``(1, 3, S, S)`` of a row, on the CPU, and the seconds that drawing it took, 0 if it was there.

        Raises:
            ModelError: the row's encoder is not there.
        """
        if row == NOTHING:
            return self.question.colors, 0.0
        way = WAYS[row]
        known, seconds = (self.models.kind(way.kind), way.projected), 0.0
        if known not in self._drawn:
            model = self.models.model(known[0])  # loading is not timed
            began = time.perf_counter()
            self._drawn[known] = self._draw(model, way.projected)
            seconds = time.perf_counter() - began
        return self._finished(self._drawn[known], way), seconds

    def _finished(self, answer: Tensor, way: Way) -> Tensor:
        if way.luma:
            return with_luma(answer, luma_of(self.question.source))
        if way.kept and self.question.patch is not None:
            return torch.where(self.question.patch > 0, answer, self.question.source)
        return answer

    def _draw(self, model: Denoiser, projected: bool) -> Tensor:
        question, side = self.question, self.question.colors.shape[-1]
        more = -side % model.multiple
        planes = question.planes(model.texture).to(self.models.engine.device)
        planes = functional.pad(planes, (0, more, 0, more), mode="replicate")
        cells = None
        if projected and question.quantizer is not None:
            cells = question.quantizer.cells(planes[:, COLORS].contiguous())
        sampling = replace(self.sampling, fidelity=1.0 if projected else 0.0)
        total = torch.zeros_like(planes[:, COLORS])
        for number in range(sampling.samples):
            total += draw(model, planes, sampling, cells, None, number)
        mean = total / sampling.samples
        if cells is not None:  # models of latents draw without them
            mean = toward_cells(mean, cells, 1.0)
        return mean[..., :side, :side].cpu()
