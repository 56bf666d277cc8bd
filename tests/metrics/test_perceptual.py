"""FID against scipy's matrix root, LPIPS with a network of one's own, and what is said when weights are absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vdequant.errors import ModelError
from vdequant.metrics.perceptual import INCEPTION_FILE, fid, frechet_distance, inception_features, lpips


class Extractor(nn.Module):
    """Answers like the Inception file: means of the three channels, of pictures of 299x299 in codes."""

    def forward(self, x: Tensor, return_features: bool) -> Tensor:
        if not return_features or x.shape[-1] != 299:
            return x
        return x.mean(dim=(2, 3), keepdim=True)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without any weights."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("VDEQUANT_INCEPTION", raising=False)
    return tmp_path


def test_frechet_distance_agrees_with_scipys_matrix_root() -> None:
    linalg = pytest.importorskip("scipy.linalg")
    first, second = torch.randn(40, 5).double(), (torch.randn(50, 5) @ torch.randn(5, 5) + 0.5).double()
    a, b = np.cov(first.numpy().T), np.cov(second.numpy().T)
    shift = float((first.mean(0) - second.mean(0)).square().sum())
    expected = shift + np.trace(a + b - 2 * linalg.sqrtm(a @ b).real)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-6)


def test_equal_sets_are_at_distance_nothing() -> None:
    features = torch.randn(10, 4)
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-6)


def test_frechet_distance_refuses_a_single_row() -> None:
    with pytest.raises(ValueError, match="N >= 2"):
        frechet_distance(torch.randn(1, 4), torch.randn(5, 4))


def test_fid_takes_any_extractor() -> None:
    x = torch.rand(6, 3, 8, 8)
    shifted = fid(x + 0.1, x, features=lambda pictures: pictures.mean(dim=(2, 3)))
    assert shifted == pytest.approx(3 * 0.1**2, rel=1e-3)


def test_fid_without_weights_says_where_they_go(nowhere: Path) -> None:
    with pytest.raises(ModelError, match=f"{nowhere / 'cache' / 'vdequant' / INCEPTION_FILE}.*VDEQUANT_INCEPTION"):
        fid(torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8))


def test_weights_are_found_by_the_variable_and_get_codes_of_299_pixels(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.jit.script(Extractor()).save(str(nowhere / "net.pt"))
    monkeypatch.setenv("VDEQUANT_INCEPTION", str(nowhere / "net.pt"))
    features = inception_features()(torch.full((2, 3, 16, 16), 0.4))
    torch.testing.assert_close(features, torch.full((2, 3), 102.0))


def test_a_file_that_is_no_network_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "net.pt").write_text("no network")
    with pytest.raises(ModelError, match="TorchScript"):
        inception_features(tmp_path / "net.pt")


def test_lpips_gives_its_network_pictures_from_minus_one_to_one() -> None:
    seen = []

    def network(a: Tensor, b: Tensor) -> Tensor:
        seen.extend([a, b])
        return (a - b).square().mean(dim=(1, 2, 3), keepdim=True)

    result = lpips(torch.ones(2, 3, 8, 8), torch.zeros(2, 3, 8, 8), network)
    assert result.tolist() == [4, 4]
    assert (seen[0].max(), seen[1].min()) == (1, -1)


def test_lpips_without_its_package_or_weights_is_a_model_error(nowhere: Path) -> None:
    with pytest.raises(ModelError, match="LPIPS"):
        lpips(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64))
