"""What neighboring frames know of each other: content that comes again, and smoothing over time.

``reuse`` plans which parts of a frame are restored and which are copied, and ``neighbors`` joins what frames of a noisy
source know of each other before any of them is restored; nothing here runs a network.

Smoothers (``base.py``) make restored frames agree where they show the same thing: ``lock`` holds the value of a stored
color in its place, ``flow`` takes means along the motion (``flow-live`` those of the past alone), ``blend`` shows what
flickers every other frame as its mean.
To add one, write a class without required arguments in a file of its own and add its line below.
"""

from __future__ import annotations

# name -> "module:Class", imported on use
SMOOTHERS: dict[str, str] = {
    "lock": "vdequant.temporal.lock:Lock",
    "flow": "vdequant.temporal.flow:Flow",
    "flow-live": "vdequant.temporal.flow:LiveFlow",
    "blend": "vdequant.temporal.flicker:Blend",
}
