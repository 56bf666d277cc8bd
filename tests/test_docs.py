"""What is written about the program agrees with the program."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from pathlib import Path

import pytest

import vdequant
from vdequant.cli import COMMANDS
from vdequant.cli.main import command_parser, main
from vdequant.quantizers import QUANTIZERS
from vdequant.restorers import RESTORERS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def shell_lines() -> list[str]:
    return [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]


def vdequant_commands() -> list[str]:
    parts = [part.strip() for line in shell_lines() for part in line.split("&&")]
    return [part for part in parts if part.split()[:1] == ["vdequant"]]


def actions_of(command: str) -> list[argparse.Action]:
    return command_parser(command)._actions


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_help(command: str) -> None:
    assert [action.dest for action in actions_of(command) if not action.help] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_in_the_readme(command: str) -> None:
    options = {option for action in actions_of(command) for option in action.option_strings}
    missing = {option for option in options - {"-h", "--help"} if not re.search(rf"{option}(?![\w-])", README)}
    assert missing == set()


@pytest.mark.parametrize("name", [*RESTORERS, *QUANTIZERS])
def test_every_name_of_the_tables_has_a_row_in_the_readme(name: str) -> None:
    assert f"\n| `{name}` |" in README


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "restore"])
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"vdequant {command}" in README


@pytest.mark.parametrize("line", vdequant_commands())
def test_every_command_line_of_the_readme_parses(line: str) -> None:
    words = shlex.split(line)[1:]
    name, rest = (words[0], words[1:]) if words[0] in COMMANDS else ("restore", words)
    args = command_parser(name).parse_intermixed_args(rest)
    given = vars(args)
    inputs = [args.input] if isinstance(given.get("input"), str) else given.get("inputs") or given["data"]
    assert inputs
    assert all(list(ROOT.glob(str(path))) for path in inputs)


def test_the_readme_has_command_lines_to_check() -> None:
    assert len(vdequant_commands()) >= 5


def test_the_python_of_the_readme_uses_names_that_exist() -> None:
    trees = [ast.parse(block) for block in blocks("python")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    used = {(ast.unparse(node.value), node.attr) for node in nodes if isinstance(node, ast.Attribute)}
    names = {name for module, name in used if module == "vdequant" and f"vdequant.{name}" not in imported}
    assert {"restore", "probe", "restore_frames"} <= names <= set(vdequant.__all__)
    gym = pytest.importorskip("vdequant.gym", exc_type=ImportError)
    wrappers = {name for module, name in used if module == "vdequant.gym"}
    assert {"RestoreObservation", "RecordRestored"} <= wrappers <= set(vars(gym))
    assert "vdequant.gym" in imported


def test_rows_of_a_table_have_as_many_cells_as_its_head() -> None:
    for table in re.findall(r"(?:^\|.*\n)+", README, flags=re.MULTILINE):
        counts = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(counts) == 1, table


def test_nothing_is_installed_from_where_there_is_no_release() -> None:
    files = [ROOT / "README.md", *(ROOT / "vdequant").rglob("*.py"), *(ROOT / "samples").rglob("*.md")]
    assert [path for path in files if re.search(r"pip install '?vdequant", path.read_text(encoding="utf-8"))] == []


def words_of(line: str) -> list[str]:
    """What a shell in a folder with ``samples`` makes of a command line."""
    found = [sorted(map(str, Path().glob(word))) if "*" in word else [word] for word in shlex.split(line)[1:]]
    return [word for words in found for word in words]


# hours, minutes of training, and what ends with Ctrl-C
LONG = ("vdequant evaluate diffusion-tables", "vdequant train", "vdequant watch")


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line in vdequant_commands() if not line.startswith(LONG)])
def test_a_command_line_of_the_readme_works(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    monkeypatch.chdir(tmp_path)
    assert main(words_of(line)) == 0


def test_continuous_integration_runs_the_readmes_test_command() -> None:
    (command,) = [line for line in shell_lines() if line.endswith("pytest")]
    assert command in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()


def test_tables_to_be_filled_have_both_their_marks() -> None:
    opened = re.findall(r"<!-- table:(\w+) -->", README)
    assert sorted(opened) == ["kodak", "main", "samples", "speed"]
    assert README.count("<!-- /table -->") == len(opened)
