"""A restorer is built by its name, or of a file; what is asked of drawing is handed on to the one that draws."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_bases import save_base, save_encoder
from tiny_diffusion import ship_tiny

from vdequant.errors import ModelError, UsageError
from vdequant.models.denoiser import Embedded
from vdequant.models.dequantizernet import Generator, GeneratorSpec
from vdequant.models.dequantizernet_weights import write_generator
from vdequant.models.jpegnet import Jpegnet, JpegnetSpec
from vdequant.models.jpegnet_weights import write_jpegnet
from vdequant.models.pix2pix import Unet, UnetSpec
from vdequant.models.pix2pix_weights import write_unet
from vdequant.models.pretrained import Pretrained
from vdequant.restorers.dequantizernet import Dequantizernet
from vdequant.restorers.dequantizernet_plus import DequantizernetPlus
from vdequant.restorers.diffusion import Diffusion
from vdequant.restorers.identity import Identity
from vdequant.restorers.loading import load_restorer
from vdequant.restorers.pix2pix import Pix2Pix
from vdequant.restorers.pix2pix_fq import Pix2PixFq
from vdequant.restorers.sampling import Sampling

FEW = Sampling("ddim", 3, seed=7)


def test_a_name_of_the_table_gives_its_restorer() -> None:
    assert isinstance(load_restorer("identity", sampling=FEW), Identity)


def test_another_name_is_refused() -> None:
    with pytest.raises(UsageError, match="nobody"):
        load_restorer("nobody")


def test_the_model_that_ships_draws_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    ship_tiny(monkeypatch)
    made = load_restorer("diffusion", sampling=FEW)
    assert isinstance(made, Diffusion)
    assert isinstance(made.denoiser, Embedded)
    assert made.sampling == FEW


def test_a_base_of_others_draws_as_asked(tmp_path: Path) -> None:
    encoder = save_encoder(tmp_path / "encoder.safetensors", str(save_base(tmp_path / "base", "pixels")))
    for base in ("", str(tmp_path / "base")):
        made = load_restorer("diffusion", sampling=FEW, base=base, encoder=str(encoder))
        assert isinstance(made, Diffusion)
        assert isinstance(made.denoiser, Pretrained)
        assert made.sampling == FEW


def test_a_base_that_cannot_be_read_is_said() -> None:
    with pytest.raises(ModelError, match="expected --encoder FILE"):
        load_restorer("diffusion", base="someone/tiny")


def test_what_training_writes_is_a_restorer_of_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    write_jpegnet(Jpegnet(JpegnetSpec((8, 8), (1, 1))), path)
    assert isinstance(load_restorer(str(path)), DequantizernetPlus)
    for channels, kind in ((2, Pix2PixFq), (3, Pix2Pix)):
        write_unet(Unet(UnetSpec(channels, width=4, downs=2)), path)
        assert type(load_restorer(str(path))) is kind
    write_generator(Generator(GeneratorSpec(channels=4, blocks=1)), path)
    assert isinstance(load_restorer(str(path)), Dequantizernet)
