"""Who is told what a job does: the command line draws it, programs may watch it."""

from __future__ import annotations

from typing import Protocol, TypeVar

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
