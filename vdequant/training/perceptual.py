"""What the content and the texture loss compare: hidden features of a network that already knows pictures.

The paper takes feature 35 of VGG-19 (the rectified output of its last convolution). Its weights belong to others and
are not shipped: they are taken from where torch hub or timm keep them. Without them the hidden layers of our own
cellnet-m serve. Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from vdequant.errors import ModelError
from vdequant.models.cellnet import Cellnet
from vdequant.models.cellnet_weights import read_cellnet
from vdequant.models.weights import packaged

Extractor = Literal["auto", "vgg19", "cellnet-m"]

HUB_FILE = "vgg19-dcbb9e9d.pth"  # as torchvision and timm's older releases download it
TIMM_FOLDER = "models--timm--vgg19.tv_in1k"  # of Hugging Face's cache
VGG_WIDTHS = (64, 128, 256, 512, 512)
VGG_DEPTHS = (2, 2, 4, 4, 4)  # convolutions of each width
IMAGENET_MEAN = (0.485, 0.456, 0.406)  # that VGG was trained with, of [0, 1]
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)

# Width of the cells that cellnet is made to believe in. The widest that it knows: with narrow ones edges are all that
# counts (measured: a shift of brightness weighs a 190th of JPEG's errors of equal size; so, a third).
CELL = 1 / 2
SCALE = 1 / 12  # of its features: what JPEG of 50 % does to them is then as large as what it does to the pixels
VALUES = 3.0  # of the values themselves, in the mean over all channels about as much as the hidden layers
DEPTH = 2  # its residual blocks that are passed

Weights = dict[str, Tensor]


class VggFeatures(nn.Module):
    """Feature 35 of VGG-19: the layers ``features.0`` to ``features.35`` of torchvision's model.

    Args:
        weights: by torchvision's names, "features.0.weight" and so on.
        widths: channels of the five levels, for tests.

    Raises:
        ModelError: they are not those of VGG-19.
    """

    def __init__(self, weights: Weights, widths: tuple[int, ...] = VGG_WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for level, (width, depth) in enumerate(zip(widths, VGG_DEPTHS, strict=True)):
            layers += [nn.MaxPool2d(2)] if level else []
            for _ in range(depth):
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
                before = width
        self.features = nn.Sequential(*layers)
        known = {name: tensor for name, tensor in weights.items() if name.startswith("features.")}
        try:
            self.load_state_dict(known)
        except RuntimeError as error:
            raise ModelError("expected the weights of VGG-19, got others; choose --perceptual cellnet-m") from error
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(IMAGENET_DEVIATION)[:, None, None], persistent=False)
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, H, W)`` in [-1, 1] to ``(N, 512, H / 16, W / 16)`` float32."""
        answer: Tensor = self.features(((x + 1) / 2 - self.mean) / self.deviation)
        return answer.float()


class CellnetFeatures(nn.Module):
    """The hidden layers of a packaged cellnet behind its second block, and the values of the picture itself.

    It was trained to tell banding, blocks and dither from true detail, which is what a content loss should look at. It
    is told cells of one width around every sample, and no context. Without the values brightness and color would be
    left nearly free: short runs then end at 7 to 10 dB.
    """

    def __init__(self, net: Cellnet | None = None) -> None:
        super().__init__()
        self.net = net or read_cellnet(packaged("cellnet-m-levels"))
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, H, W)`` in [-1, 1] to ``(N, 32 + 3, H, W)`` float32."""
        stored = (x.float() + 1) / 2
        hidden = self.net.head(self._planes(stored).to(self.net.head.weight.dtype))
        for block in list(self.net.blocks)[:DEPTH]:
            hidden = block(hidden)
        return torch.cat([hidden.float() * SCALE, x.float() * VALUES], dim=1)

    def _planes(self, stored: Tensor) -> Tensor:
        """What ``cell_features`` gives for such cells, written so that a gradient flows back to the picture."""
        right = functional.pad(stored[..., :, 1:] - stored[..., :, :-1], (0, 1))
        below = functional.pad(stored[..., 1:, :] - stored[..., :-1, :], (0, 0, 0, 1))
        steps = torch.cat([right, below], dim=1) / CELL
        reach = (torch.tensor(CELL / 2).log2() + 5) / 4
        planes = [stored - 0.5, reach.expand_as(steps), steps.clamp(-6, 6), reach.expand_as(stored[:, :1])]
        missing = self.net.head.in_channels - 16
        return torch.cat([*planes, stored.new_zeros(len(stored), missing, *stored.shape[-2:])], dim=1)


def vgg_files() -> Iterator[Path]:
    """Where torch hub and timm keep VGG-19, as far as it is there."""
    hub = Path(torch.hub.get_dir()) / "checkpoints" / HUB_FILE
    cache = Path.home() / ".cache" / "huggingface" / "hub" / TIMM_FOLDER / "snapshots"
    yield from (path for path in (hub, *sorted(cache.glob("*/*.safetensors"))) if path.is_file())


def _read(path: Path) -> Weights:
    try:
        if path.suffix == ".safetensors":
            return load_file(str(path))
        found: Weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise ModelError(f"expected the weights of VGG-19 in {path}, cannot read them; download them again") from error
    return found


def make_extractor(name: Extractor = "auto") -> tuple[str, nn.Module]:
    """The perceptual network of that name; "auto" is VGG-19 where its weights are, else cellnet-m.

    Returns:
        Its name for the model card, and the network, ``(N, 3, H, W)`` in [-1, 1] to features.

    Raises:
        ModelError: VGG-19 was asked for and is not there.
    """
    makers: dict[str, Callable[[Path | None], nn.Module]] = {
        "vgg19": lambda path: VggFeatures(_read(path) if path else {}),
        "cellnet-m": lambda _: CellnetFeatures(),
    }
    found = next(vgg_files(), None)
    if name == "vgg19" and found is None:
        hub = Path(torch.hub.get_dir()) / "checkpoints"
        raise ModelError(f"expected VGG-19 as {hub / HUB_FILE}, found none: put it there, or --perceptual cellnet-m")
    chosen = name if name != "auto" else ("vgg19" if found else "cellnet-m")
    return chosen, makers[chosen](found).eval()
