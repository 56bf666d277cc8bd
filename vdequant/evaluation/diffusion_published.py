"""The numbers of Vavilala, Shaik and Forsyth's tables 1 to 4, to be shown beside ours; their figures have none.

They are of 1000 pictures of LAION, and of a base of 1.2 billion parameters, DeepFloyd IF stage II.
"""

from __future__ import annotations

Pair = tuple[float, float]  # PSNR in dB, SSIM

Rows = dict[str, dict[str, Pair]]  # row -> column -> numbers; columns as in diffusion_questions.py

TRANSFERS = ("on, 8 colors", "on, 32 colors", "off, 8 colors", "off, 32 colors")
INPAINTED = ("on", "off")


def _table(columns: tuple[str, ...], rows: dict[str, tuple[Pair, ...]]) -> Rows:
    return {row: dict(zip(columns, pairs, strict=True)) for row, pairs in rows.items()}


PUBLISHED: dict[str, Rows] = {
    "table-1": _table(
        TRANSFERS,
        {
            "T": ((23.0, 0.774), (27.4, 0.874), (25.2, 0.842), (28.8, 0.901)),
            "G": ((17.8, 0.516), (19.1, 0.538), (25.6, 0.834), (28.5, 0.893)),
            "L": ((16.3, 0.526), (15.8, 0.490), (25.7, 0.839), (29.1, 0.905)),
            "L-post": ((13.2, 0.481), (12.8, 0.444), (12.8, 0.468), (12.6, 0.457)),
        },
    ),
    "table-2": _table(
        TRANSFERS,
        {
            "T": ((24.4, 0.784), (27.7, 0.851), (25.8, 0.824), (28.7, 0.873)),
            "G": ((13.8, 0.107), (16.0, 0.107), (25.7, 0.807), (28.4, 0.864)),
            "L": ((10.4, 0.0991), (10.2, 0.0410), (25.9, 0.814), (29.0, 0.880)),
            "L-post": ((7.64, 0.0177), (7.37, -0.0362), (6.99, -0.0588), (6.81, -0.0853)),
        },
    ),
    "table-3": _table(
        INPAINTED,
        {
            "T": ((30.68, 0.9336), (29.3, 0.921)),
            "G": ((38.77, 0.9823), (30.95, 0.9315)),
            "L": ((40.12, 0.9845), (29.68, 0.9202)),
            "L-post": ((39.82, 0.9867), (38.27, 0.9834)),
        },
    ),
    "table-4": _table(
        INPAINTED,
        {
            "T": ((23.56, 0.8241), (23.87, 0.8285)),
            "G": ((22.37, 0.7964), (23.58, 0.8208)),
            "L": ((21.76, 0.7895), (24.07, 0.8347)),
            "L-post": ((20.57, 0.7739), (20.53, 0.7731)),
        },
    ),
}
