"""The house as DESIGN section 2 draws it: who may import whom, what stays unloaded, and how long things may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vdequant

PACKAGE = Path(vdequant.__file__).parent
ROOT = Path(__file__).resolve().parents[1]
MOST_LINES, MOST_FUNCTION_LINES = 400, 60

GROUND = ("errors", "checks", "frames", "color", "bluenoise", "settings")
STAGES = ("media", "quantizers", "models", "metrics", "schedule")
# files beside the folders that put stages together
JOINERS = (
    "observing",
    "live",
    "pipeline",
    "resuming",
    "reusing",
    "reusing_parts",
    "smoothing",
    "neighboring",
    "planning",
    "frame_work",
    "degrading",
    "arrays",
    "masking",
    "enlarging",
    "expanding",
    "array_work",
    "streaming",
    "recording",
    "gym",
    "watching",
    "watch_jobs",
    "captures",
    "ledger",
    "watched_folders",
    "shots",
    "drawn_edits",
    "palette_error",
    "palette_targets",
    "palette_wishes",
    "palette_work",
    "repaletting",
    "running",
    "recolor_wishes",
    "recoloring",
)
ABOVE = ("restorers", "temporal", "edits", "weights", "pipeline", "probing", "evaluation", "training")
ALL_BUT_CLI = ("ground", *STAGES, *ABOVE)
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "ground": (),
    **dict.fromkeys(STAGES, ("ground",)),
    "weights": (),
    "restorers": ("ground", "quantizers", "models"),
    "temporal": ("ground", "quantizers", "models"),
    "edits": ("ground", "quantizers", "models", "restorers"),
    "pipeline": ("ground", *STAGES, "restorers", "temporal", "edits"),
    "probing": ("ground", *STAGES, "pipeline"),
    "evaluation": ALL_BUT_CLI,
    "training": ALL_BUT_CLI,
    "cli": (*ALL_BUT_CLI, "root"),
    "root": ("ground", "pipeline", "cli"),  # vdequant/__init__.py and __main__.py
}
# What cli/ may import outside functions: nothing that loads torch or PyAV.
LIGHT = (
    "vdequant",
    "vdequant.settings",
    "vdequant.errors",
    "vdequant.restorers",
    "vdequant.quantizers",
    "vdequant.edits",
)
FENCED = {"av": ("media",), "ffmpeg": ("media",), "torchvision": ()}  # third party -> the only parts that may import it


def files_of(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*.py") if "__pycache__" not in p.parts)


MODULES = files_of(PACKAGE)
OURS = [*MODULES, *files_of(ROOT / "scripts"), *files_of(ROOT / "tests")]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT if path.is_relative_to(ROOT) else PACKAGE.parent))


def part_of(module: str) -> str:
    """The row of MAY_IMPORT for a dotted module name."""
    words = module.split(".")
    if len(words) == 1 or words[1] == "__main__":
        return "root"
    if words[1] in GROUND:
        return "ground"
    return "pipeline" if words[1] in JOINERS else words[1]


def module_of(path: Path) -> str:
    words = ["vdequant", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(words[:-1] if words[-1] == "__init__" else words)


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def statements(tree: ast.AST, *, everywhere: bool) -> Iterator[ast.AST]:
    """All nodes, or only those that run when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        if not everywhere and (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or is_type_checking(node)):
            continue
        yield node
        yield from statements(node, everywhere=everywhere)


def imported(path: Path, *, everywhere: bool = True) -> set[str]:
    """Dotted names that a file imports; ``from vdequant import color`` counts as vdequant.color."""
    found: set[str] = set()
    for node in statements(ast.parse(path.read_text(encoding="utf-8")), everywhere=everywhere):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: write the full module name instead of dots"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {name for name in inner if (PACKAGE.parent / name.replace(".", "/")).exists()
                       or (PACKAGE.parent / (name.replace(".", "/") + ".py")).exists()}  # fmt: skip
            found.update(modules or {str(node.module)})
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_part_imports_only_what_lies_below_it(path: Path) -> None:
    part = part_of(module_of(path))
    assert part in MAY_IMPORT, f"{part} is new: give it a row in MAY_IMPORT and in DESIGN section 2"
    parts = {part_of(name) for name in imported(path) if name.split(".")[0] == "vdequant"}
    assert parts - {part} <= set(MAY_IMPORT[part])


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_fenced_packages_stay_inside_their_fence(path: Path) -> None:
    packages = {name.split(".")[0] for name in imported(path)}
    part = part_of(module_of(path))
    assert {name for name in packages & FENCED.keys() if part not in FENCED[name]} == set()


@pytest.mark.parametrize("path", files_of(PACKAGE / "cli"), ids=name_of)
def test_the_command_line_imports_heavy_things_only_inside_functions(path: Path) -> None:
    outside = {n for n in imported(path, everywhere=False) if n.split(".")[0] not in sys.stdlib_module_names}
    assert {name for name in outside if name not in LIGHT and not name.startswith("vdequant.cli")} == set()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_command_line_prints(path: Path) -> None:
    calls = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Call)]
    printed = [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
    assert printed == [] or part_of(module_of(path)) == "cli"


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {function.name: (function.end_lineno or 0) - function.lineno + 1 for function in functions}
    assert {name: length for name, length in lengths.items() if length > MOST_FUNCTION_LINES} == {}


@pytest.mark.parametrize(
    "code",
    [
        "import vdequant",
        "from vdequant.cli.main import main; main(['--help'])",
        "from vdequant.cli.main import main; main(['--version'])",
        "from vdequant.cli.main import main; main(['no', 'output'])",
        "from vdequant.cli import COMMANDS; from vdequant.cli.main import command_parser; "
        "[command_parser(name) for name in COMMANDS]",
    ],
    ids=["import", "help", "version", "usage error", "all parsers"],
)
def test_neither_torch_nor_pyav_is_loaded_before_work_begins(code: str) -> None:
    heavy = "{'torch', 'av', 'cv2', 'numpy', 'PIL'}"
    probe = f"{code}; import sys; sys.exit(' '.join(sorted({heavy} & set(sys.modules))) or 0)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"loaded: {done.stderr}"


def test_the_import_rules_notice_a_breach(tmp_path: Path) -> None:
    guilty = tmp_path / "guilty.py"
    guilty.write_text("def f():\n    from vdequant.media import source\n    import torchvision.io\n")
    assert {part_of(name) for name in imported(guilty)} >= {"media"}
    assert "torchvision.io" in imported(guilty)
    assert imported(guilty, everywhere=False) == set()
