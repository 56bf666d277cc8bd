"""The restorer that believes the stored picture: the baseline of every table, and the way to convert only."""

from __future__ import annotations

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.quantizers.base import Cells
from vdequant.restorers.base import Needs


class Identity:
    """Returns a copy of the stored picture."""

    needs = Needs()

    def to(self, device: torch.device, dtype: torch.dtype) -> Identity:
        """See :class:`~vdequant.restorers.base.Restorer`."""
        return self

    def restore(self, y: Tensor, cells: Cells) -> Tensor:
        """See :class:`~vdequant.restorers.base.Restorer`."""
        check_picture(y, "y")
        return y.clone()
