"""Peers over their table: each works on real pictures where its program is there, and is tuned for every loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from make import grained
from safetensors.torch import save_file

from vdequant.errors import InputError, ModelError, UsageError
from vdequant.evaluation.community import CommunityNetwork
from vdequant.evaluation.degradations import parse_degradation
from vdequant.evaluation.peers import PEERS, TUNED, family_of, make_peer, setting_of

LOSSES = ["m=4", "m=16", "5-6-5", "palette:8", "palette:100+fs", "palette:game.gpl", "gray:0.5+fs", "3-3-2+bayer8"]
OF_JPEG = ("libjpeg", "jpegqs")


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_gives_pictures_like_those_it_gets(name: str) -> None:
    loss = "jpeg:10" if name in OF_JPEG else "m=16"
    stored = parse_degradation(loss).apply(np.stack([grained(1), grained(2)]))
    try:
        result = make_peer(name).prepare(loss)(stored)
    except InputError as error:
        pytest.skip(str(error))
    assert result.shape == stored.tensor().shape
    assert result.dtype == torch.float32
    assert 0 <= float(result.min()) < float(result.max()) <= 1
    assert float((result - stored.tensor()).abs().mean()) < 0.05


@pytest.mark.parametrize("name", [name for name in PEERS if name not in OF_JPEG])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_peer_is_tuned_for_every_loss(name: str, loss: str) -> None:
    assert setting_of(name, loss)


def test_the_tuned_settings_are_those_of_peers() -> None:
    assert set(TUNED) <= set(PEERS)


def test_between_tuned_strengths_the_nearest_is_taken() -> None:
    assert setting_of("spp", "m=20") == setting_of("spp", "m=16")
    assert setting_of("spp", "4-4-4") == setting_of("spp", "m=16")
    assert family_of("palette:16+fs") == ("dithered", 16)
    assert family_of("3-3-2")[0] == "levels"
    assert family_of("gray:m=4") == ("levels", 4)


def test_dither_between_levels_or_grays_asks_for_stronger_filters() -> None:
    assert [family_of(loss) for loss in ("m=4+fs", "2-2-2+bayer4", "gray:m=4+atkinson")] == [("shaded", 4)] * 3
    assert [family_of(loss) for loss in ("gray:0.5+fs", "gray:otsu+bayer8")] == [("shaded", 2)] * 2
    assert family_of("palette:c64+bayer4") == ("shaded", 2)
    assert family_of("palette:c64") == family_of("palette:game.gpl+fs") == ("colors", 64)
    (weak,), (strong,) = (setting_of("gauss", loss) for loss in ("m=4", "m=4+fs"))
    assert strong > weak


@pytest.mark.parametrize("name", OF_JPEG)
def test_peers_of_jpeg_files_say_that_they_read_nothing_else(name: str) -> None:
    with pytest.raises(InputError, match="JPEG"):
        make_peer(name).prepare("m=16")(parse_degradation("m=16").apply(grained(1)[None]))


def test_libjpegs_decode_is_the_stored_picture() -> None:
    stored = parse_degradation("jpeg:30").apply(grained(1)[None])
    assert torch.equal(make_peer("libjpeg").prepare("jpeg:30")(stored), stored.tensor())


def test_an_unknown_peer_is_refused_with_the_list() -> None:
    with pytest.raises(UsageError, match="spp, bilateral"):
        make_peer("photoshop")


class Described:
    """What spandrel says of a network; this one brightens."""

    def __init__(self, scale: int) -> None:
        self.scale, self.input_channels, self.output_channels = scale, 3, 3

    def to(self, device: torch.device) -> Described:
        return self

    def eval(self) -> Described:
        return self

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return x + 0.25


class Spandrel:
    """The part of spandrel that is used; a scale is all that its networks say."""

    class ModelLoader:
        def load_from_state_dict(self, weights: dict[str, torch.Tensor]) -> Described:
            if "scale" not in weights:
                raise KeyError("unknown architecture")
            return Described(int(weights["scale"]))


@pytest.fixture
def spandrel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-in, because the package is an extra."""
    monkeypatch.setattr("vdequant.restorers.community.import_module", lambda name: Spandrel)


def weights(path: Path, **values: int) -> Path:
    save_file({key: torch.tensor(value) for key, value in values.items()}, path)
    return path


@pytest.mark.usefixtures("spandrel")
def test_a_network_file_is_a_peer(tmp_path: Path) -> None:
    peer = make_peer(str(weights(tmp_path / "1x-clean.safetensors", scale=1)))
    stored = parse_degradation("m=4").apply(grained(1)[None])
    assert peer.name == "1x-clean"
    torch.testing.assert_close(peer.prepare("m=4")(stored), (stored.tensor() + 0.25).clamp(max=1))


@pytest.mark.usefixtures("spandrel")
def test_networks_that_enlarge_or_are_unknown_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="keeps the size"):
        CommunityNetwork(weights(tmp_path / "2x.safetensors", scale=2))
    with pytest.raises(ModelError, match="spandrel knows"):
        CommunityNetwork(weights(tmp_path / "other.safetensors", layers=3))


@pytest.mark.usefixtures("spandrel")
def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"scale": 1, "path": Path()}, tmp_path / "net.pth")
    with pytest.raises(ModelError, match=r"net\.pth"):
        CommunityNetwork(tmp_path / "net.pth")
    (tmp_path / "junk.pth").write_bytes(b"junk")
    with pytest.raises(ModelError, match=r"junk\.pth"):
        CommunityNetwork(tmp_path / "junk.pth")


@pytest.mark.usefixtures("spandrel")
def test_a_network_file_that_is_missing_is_named() -> None:
    with pytest.raises(ModelError, match="does not exist"):
        make_peer("gone.safetensors")


def test_without_spandrel_its_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("vdequant.restorers.community.import_module", absent)
    with pytest.raises(ModelError, match=r"'\.\[community\]'"):
        CommunityNetwork(weights(tmp_path / "net.safetensors", scale=1))
