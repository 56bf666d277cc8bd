"""The paper's claims are judged by the numbers that are there, and not at all where some are missing."""

from __future__ import annotations

import pytest

from vdequant.evaluation.diffusion_claims import claims_of
from vdequant.evaluation.diffusion_published import PUBLISHED
from vdequant.evaluation.diffusion_questions import DRAWN, PROJECTED, TABLES, columns_of
from vdequant.evaluation.diffusion_tables import DiffusionTables, Order
from vdequant.evaluation.methods import Nothing
from vdequant.evaluation.rows import Row
from vdequant.restorers.sampling import Sampling


def tables_of(rows: list[Row]) -> DiffusionTables:
    return DiffusionTables(Order(Sampling(), (Nothing(),)), ("a.png",), tuple(rows), "cpu", 0.13, "L")


def the_papers(table: str) -> DiffusionTables:
    names = ("psnr", "ssim") if table == "table-3" else ("palette-psnr", "palette-ssim")
    rows = [
        Row(row, f"{table}: {column}", ("a.png",), dict(zip(names, ((value,) for value in pair), strict=True)))
        for row, columns in PUBLISHED[table].items()
        for column, pair in columns.items()
    ]
    return tables_of(rows)


def by_rule(table: str, gain: dict[str, float]) -> DiffusionTables:
    """Rows with 20 dB and an SSIM of 0.5, and so much more."""
    rows = [
        Row(row, f"{table}: {column.name}", ("a.png",), {"psnr": (20 + more,), "ssim": (0.5 + more / 100,)})
        for column in columns_of((table,))
        for row, more in gain.items()
    ]
    return tables_of(rows)


@pytest.mark.parametrize("table", list(PUBLISHED))
def test_the_papers_claims_hold_in_the_papers_numbers(table: str) -> None:
    assert [claim.holds for claim in claims_of(the_papers(table), table)] in ([True], [True, True])


def test_a_claim_fails_with_the_order_that_was_found() -> None:
    rows = [
        Row(name, f"table-1: on, {colors} colors", ("a.png",), {"palette-psnr": (value,)})
        for colors in (8, 32)
        for name, value in (("T", 20.0), ("G", 22.0), ("L", 15.0), ("L-post", 10.0))
    ]
    claim = claims_of(tables_of(rows), "table-1")[0]
    assert claim.holds is False
    assert claim.line().endswith("**does not hold** (G 22.00, T 20.00, L 15.00, L-post 10.00)")


@pytest.mark.parametrize("table", TABLES)
def test_nothing_is_claimed_of_what_was_not_measured(table: str) -> None:
    claims = claims_of(tables_of([]), table)
    assert claims
    assert all(claim.holds is None and claim.line().endswith("**not measured**") for claim in claims)


def test_a_model_has_to_be_above_the_others_everywhere() -> None:
    found = by_rule("figure-3", {"nothing": 0.0, DRAWN: 1.0, PROJECTED: -1.0})
    above, below = claims_of(found, "figure-3")
    assert (above.holds, below.holds) == (True, False)
    assert above.numbers == "least apart: ssim at N=4: 0.51 and 0.5"
    assert below.numbers.startswith("12 of 12 fail: psnr at N=4: 19 and 20; ")


def test_t_is_said_to_reconstruct_least_with_texture() -> None:
    assert claims_of(by_rule("figure-4", {"L": 3, "L-post": 2, "G": 1, "T": 0}), "figure-4")[0].holds
    assert not claims_of(by_rule("figure-4", {"L": 3, "L-post": 2, "G": 0, "T": 1}), "figure-4")[0].holds


def test_texture_has_to_help_more_where_colors_are_few() -> None:
    def similar(name: str, row: str) -> float:
        word, colors, _ = name.split(", ")
        gain = {"N=8": 0.2, "N=32": 0.1}[colors] if word == "on" else 0.0
        return 0.5 if row == "nothing" else 0.6 + gain

    rows = [
        Row(row, f"figure-9: {column.name}", ("a.png",), {"ssim": (similar(column.name, row),)})
        for column in columns_of(("figure-9",))
        for row in column.rows
    ]
    assert [claim.holds for claim in claims_of(tables_of(rows), "figure-9")] == [True, True, True]
