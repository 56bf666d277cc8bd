"""What we believe: restorers guess the most plausible fine picture, given the stored one and its cells.

A restorer returns a tensor of the input's shape and device, float32, within [0, 1]; it is deterministic, a picture's
result does not depend on its batch neighbors, and it does not have to stay inside the cells: the caller projects. What
it needs of its input's size is data (:class:`~vdequant.restorers.base.Needs`), satisfied in one place by the caller.
To add one, write a class without constructor arguments in a file of its own and add its line below.
"""

from __future__ import annotations

# name -> "module:Class", imported on use
RESTORERS: dict[str, str] = {
    "identity": "vdequant.restorers.identity:Identity",
    "deband": "vdequant.restorers.deband:Deband",
    "cellnet-s": "vdequant.restorers.cellnet:CellnetSmall",
    "cellnet-m": "vdequant.restorers.cellnet:CellnetMedium",
}
