"""Who is told what a job does: the command line draws it, programs may watch it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

PlanT = TypeVar("PlanT", contravariant=True)


class Observer(Protocol[PlanT]):
    """Is told what happens."""

    def planned(self, plan: PlanT) -> None:
        """Before work: what was found and what will be done."""
        ...

    def progressed(self, done: int, total: int | None) -> None:
        """After every frame written."""
        ...

    def warned(self, text: str) -> None:
        """One line that the user should see."""
        ...


class Silent:
    """An observer that says nothing."""

    def planned(self, plan: object) -> None:
        """See :class:`Observer`."""

    def progressed(self, done: int, total: int | None) -> None:
        """See :class:`Observer`."""

    def warned(self, text: str) -> None:
        """See :class:`Observer`."""


@runtime_checkable
class Watchable(Protocol):
    """A restorer that tells how its search for a picture goes."""

    def watch(self, told: Callable[[int, int, float], None]) -> None:
        """Call ``told`` with the steps done, how many there may be, and the mean objective."""
        ...


@runtime_checkable
class Watcher(Protocol):
    """An observer that wants to know how the search for a single picture goes."""

    def searched(self, done: int, total: int, objective: float) -> None:
        """After every step; from the thread that searches."""
        ...


def connect(restorer: object, observer: object) -> None:
    """Let the observer watch the restorer, if both are made for it."""
    if isinstance(restorer, Watchable) and isinstance(observer, Watcher):
        restorer.watch(observer.searched)
