"""Nothing that is read can run code: no pickles anywhere, and weights as tensors only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((*(ROOT / "vdequant").rglob("*.py"), *(ROOT / "scripts").rglob("*.py")))
RUNS_CODE = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
BUILTINS = {"eval", "exec"}


def breaches(source: str) -> Iterator[str]:
    """What in a file could run code out of data, with its line."""
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        for name in names:
            if name.split(".")[0] in RUNS_CODE:
                yield f"{node.lineno}: imports {name}"
        if isinstance(node, ast.Call):
            yield from _in_call(node)


def _in_call(call: ast.Call) -> Iterator[str]:
    name = ast.unparse(call.func)
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    if name == "torch.load" and given.get("weights_only") != "True":
        yield f"{call.lineno}: torch.load without weights_only=True"
    if given.get("weights_only", "True") != "True":
        yield f"{call.lineno}: weights_only={given['weights_only']}"
    if given.get("allow_pickle", "False") != "False":
        yield f"{call.lineno}: allow_pickle={given['allow_pickle']}"
    if name in BUILTINS or name.endswith(("yaml.load", "read_pickle", "torch.hub.load")):
        yield f"{call.lineno}: {name}"


def test_nothing_that_is_read_can_run_code() -> None:
    found = {str(path.relative_to(ROOT)): list(breaches(path.read_text(encoding="utf-8"))) for path in FILES}
    assert len(found) > 100
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "numpy.load(path, allow_pickle=True)",
        "eval(text)",
    ],
)
def test_a_breach_is_noticed(line: str) -> None:
    assert list(breaches(line))


def test_weights_that_would_run_code_are_refused_and_do_not_run_it(tmp_path: Path) -> None:
    import os

    import torch

    from vdequant.errors import ModelError
    from vdequant.restorers.community import load_network

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(ModelError, match="expected"):
        load_network(tmp_path / "trap.pth")
    assert not (tmp_path / "ran").exists()
