"""Means and maxima around each pixel are those of pooling, whoever takes them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vdequant.quantizers.windows import local_max, local_mean


def as_it_is(x: Tensor) -> Tensor:
    return x


def for_gradients(x: Tensor) -> Tensor:
    return x.requires_grad_()


def turned(x: Tensor) -> Tensor:
    return x.transpose(-1, -2).contiguous().transpose(-1, -2)


def test_a_mean_skips_what_lies_outside_the_picture() -> None:
    x = torch.arange(9.0).view(1, 1, 3, 3)
    assert local_mean(x).unique().tolist() == [4.0]


@pytest.mark.parametrize("given", [as_it_is, for_gradients, turned])
@pytest.mark.parametrize("size", [(1, 1), (2, 9), (7, 5), (20, 31)])
def test_means_and_maxima_are_those_of_pooling(size: tuple[int, int], given: Callable[[Tensor], Tensor]) -> None:
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    mean = functional.avg_pool2d(x.double(), 7, stride=1, padding=3, count_include_pad=False)
    largest = functional.max_pool2d(x, 7, stride=1, padding=3)
    x = given(x)
    torch.testing.assert_close(local_mean(x).detach(), mean.float(), rtol=0, atol=3e-7)
    assert torch.equal(local_max(x).detach(), largest)


def test_gradients_go_through_a_mean() -> None:
    x = torch.zeros(1, 1, 9, 9, requires_grad=True)
    local_mean(x)[0, 0, 4, 4].backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    torch.testing.assert_close(x.grad[0, 0, 1:8, 1:8], torch.full((7, 7), 1 / 49))
    assert x.grad.count_nonzero() == 49


def test_what_was_given_is_not_written_to() -> None:
    x = torch.randn(1, 2, 12, 10)
    before = x.clone()
    local_mean(x)
    local_max(x)
    assert torch.equal(x, before)
