"""Gives every test the same random numbers, and skips what this machine cannot run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked gpu are skipped on machines without one, however they were asked for."""
    import torch

    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(autouse=True, scope="module")
def _seeded_modules() -> None:
    """What a whole module shares starts from seed 0 as well; it is made before the tests' own seeding."""
    import torch

    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    """Each test starts from seed 0 and leaves the generator as it found it."""
    import torch

    state = torch.get_rng_state()
    torch.manual_seed(0)
    yield
    torch.set_rng_state(state)
