"""The house rules that a tool can check: arrows at run time, docstrings of tests, no hidden waits."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGINE = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "tm_tui").rglob("*.py")
    if path.name != "__main__.py"
)


def loaded_after(*statements: str) -> set[str]:
    """The top-level packages in `sys.modules` of a fresh interpreter that ran the statements."""
    code = ";".join([*statements, "import sys; print(*{name.partition('.')[0] for name in sys.modules})"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_engine_never_loads_the_face() -> None:
    """The agent runs on a box without a terminal toolkit: importing every engine module loads none."""
    loaded = loaded_after(*(f"import {name}" for name in ENGINE))
    assert "pydantic" in loaded
    assert not loaded & {"textual", "rich", "screens"}


def test_console_loads_no_network_library() -> None:
    """The console holds no secret and opens no connection: what could do so is not even loaded."""
    loaded = loaded_after("import screens.app", "import tm_tui.control.client, tm_tui.control.launch")
    assert "textual" in loaded
    assert not loaded & {"asyncssh", "cryptography", "starlette", "uvicorn", "python_socks"}


def _trees(*folders: str) -> list[tuple[Path, ast.Module]]:
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [(path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def test_each_test_says_what_a_user_would_miss() -> None:
    """Every test function has a docstring."""
    silent = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in _trees("tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


@pytest.mark.parametrize("call", ["time.sleep", "asyncio.sleep", "anyio.sleep"])
def test_no_test_sleeps(call: str) -> None:
    """A test that sleeps to wait is slow on a good day and wrong on a bad one."""
    sleeping = [
        f"{path}:{node.lineno}"
        for path, tree in _trees("tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == call and ast.unparse(node.args[0]) != "0"
    ]
    assert sleeping == []


def test_rooms_stay_small() -> None:
    """A file of over 300 lines or a function of over 40 hides two things."""
    large = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in _trees("tm_tui", "screens")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= 50
    ]
    large += [
        str(path)
        for folder in ("tm_tui", "screens")
        for path in (ROOT / folder).rglob("*.py")
        if len(path.read_text(encoding="utf-8").splitlines()) > 300
    ]
    assert large == []
