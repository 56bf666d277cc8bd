"""What is measured of each picture or clip: the table METRICS, each given what it asks for, and some for clips."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module

from torch import Tensor

from vdequant.errors import UsageError
from vdequant.evaluation.degradations import Degradation, Pictures, Stored, to_codes, to_tensor
from vdequant.media.ffmpeg_cli import CAMBI_SIDE, cambi
from vdequant.metrics import METRICS
from vdequant.metrics.temporal import flicker, warping_error


@dataclass
class Case:
    """One result and all that there is to compare it with; pictures ``(T, 3, H, W)`` in [0, 1]."""

    result: Tensor
    truth: Pictures
    stored: Stored
    degradation: Degradation

    @cached_property
    def reference(self) -> Tensor:
        """The truth."""
        return to_tensor(self.truth)

    def quantize(self, x: Tensor) -> Tensor:
        """The same loss once more, a new palette included: what *diffusion* compares."""
        return self.degradation.apply(to_codes(x)).tensor()


def _of_table(name: str, case: Case) -> float:
    module, _, function = METRICS[name].partition(":")
    measure: Callable[..., Tensor] = getattr(import_module(module), function)
    if name == "certificate":
        values = measure(case.result, case.stored.cells())
    elif name == "banding":
        values = measure(case.result)
    elif name.startswith("palette-"):
        values = measure(case.result, case.stored.tensor(), case)
    else:
        values = measure(case.result, case.reference)
    return float(values.double().mean())


def _cambi(case: Case) -> float:
    """nan for pictures that CAMBI is not defined for."""
    if max(case.truth.shape[1:3]) < CAMBI_SIDE:
        return math.nan
    return cambi(to_codes(case.result))


# Scores besides METRICS: through ffmpeg, or of whole clips.
OTHERS: dict[str, Callable[[Case], float]] = {
    "cambi": _cambi,
    "flicker": lambda case: flicker(case.result, case.reference),
    "warping-error": lambda case: warping_error(case.result, case.reference),
}
SETS = ("fid", "fd-cellnet")  # of all pictures of a row together
SCORES = (*METRICS, *OTHERS, *SETS)
# Scores that mean little without those of the clean picture beside them.
SHOW_TRUTH = frozenset({"banding", "cambi", "warping-error"})
HIGHER_IS_BETTER = frozenset(
    {"psnr", "psnr-b", "ssim", "ssim-uniform", "ssim-dequantizernet", "certificate", "palette-psnr", "palette-ssim"}
)


def check_scores(names: tuple[str, ...]) -> None:
    """Raise :class:`UsageError` unless every name is one of SCORES."""
    for name in names:
        if name not in SCORES:
            raise UsageError(f"expected --metrics as one of {', '.join(SCORES)}; got {name!r}")


def score(name: str, case: Case) -> float:
    """One number of one result; for those of SETS, see ``run.py``."""
    return OTHERS[name](case) if name in OTHERS else _of_table(name, case)
