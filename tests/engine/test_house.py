"""The house rules that a tool can check: arrows at run time, docstrings of tests, no hidden waits."""

import ast
import importlib
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGINE = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "tm_tui").rglob("*.py")
    if path.name != "__main__.py" and "migrations" not in path.parts  # Alembic's scripts, no modules
)


def loaded_after(*statements: str) -> set[str]:
    """The top-level packages in `sys.modules` of a fresh interpreter that ran the statements."""
    code = ";".join([*statements, "import sys; print(*{name.partition('.')[0] for name in sys.modules})"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_engine_never_loads_the_face() -> None:
    """The agent runs on a box without a terminal toolkit: importing every engine module loads none.

    Where rich is installed, httpx takes it along for its own command line; that no module of ours does
    is a contract of import-linter.
    """
    loaded = loaded_after(*(f"import {name}" for name in ENGINE))
    assert "pydantic" in loaded
    assert not loaded & {"textual", "screens"}


def test_the_agent_knows_no_database_of_the_portal() -> None:
    """An appliance has neither the portal's libraries nor a need of them: agent, CLI and probe load none."""
    engine = (name for name in ENGINE if not name.startswith(("tm_tui.portal", "tm_tui.cli.portal_")))
    loaded = loaded_after(*(f"import {name}" for name in engine if name != "tm_tui.cli.portal_endpoints"))
    assert "asyncssh" in loaded
    assert not loaded & {"sqlalchemy", "alembic", "mako", "psycopg", "jinja2"}


def test_console_loads_no_network_library() -> None:
    """The console holds no secret and opens no connection: what could do so is not even loaded."""
    loaded = loaded_after("import screens.shell.app", "import tm_tui.api.client, tm_tui.api.launch")
    assert "textual" in loaded
    assert not loaded & {"asyncssh", "cryptography", "starlette", "uvicorn", "python_socks", "sqlalchemy"}


@cache
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


STREAMS = {"sys.stdin", "sys.stdout", "sys.stderr"}
"""Python's documents name these as the program's to set."""


def _foreign(tree: ast.Module) -> set[str]:
    """The names that a file has from Python or a library."""
    names = set()
    for node in ast.walk(tree):
        module = getattr(node, "module", None) or ""
        if isinstance(node, ast.Import):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and module.partition(".")[0] not in {"tm_tui", "screens"}:
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _written(node: ast.AST) -> list[ast.expr]:
    """What a statement binds, or a call sets by name."""
    if isinstance(node, ast.Call):
        own = isinstance(node.func, ast.Name) and node.func.id in {"setattr", "delattr"}
        return [ast.Attribute(node.args[0], "any")] if own else []
    written = [*getattr(node, "targets", ()), getattr(node, "target", None)]
    return [one for one in written if isinstance(one, ast.Attribute)]


def test_nothing_of_others_is_replaced() -> None:
    """No module of Python's or a library's is stubbed, and no name in one is bound anew."""
    replaced = []
    for path, tree in _trees("tm_tui", "screens"):
        foreign = _foreign(tree)
        for node in ast.walk(tree):
            replaced += [
                f"{path}:{node.lineno} {ast.unparse(one)}"
                for one in _written(node)
                if _root(one) in foreign and ast.unparse(one) not in STREAMS
            ]
            if isinstance(node, ast.Attribute) and node.attr == "modules" and _root(node) == "sys":
                replaced.append(f"{path}:{node.lineno} sys.modules")
    assert replaced == []


_COUNTED = re.compile(
    r"(%d|\{(?!_?[A-Z_]+\})[^{}%]*\}) "
    r"(files|events|batches|endpoints|patterns|reports|cases|lines|minutes|steps)\b"
)
_MORE_THAN_ONE = ("{self._limits.files} files, and there are more", "the first of {len(full)} lines")


def test_things_are_counted_by_count() -> None:
    """Activity, notices and pages say "1 file": what is counted goes through `count` of tm_tui/spoken.py."""
    wrong = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for folder in ("tm_tui", "screens")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not {"portal", "demo"} & set(path.parts) and not path.name.startswith(("portal", "demo"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _COUNTED.search(line) and "count(" not in line and not any(one in line for one in _MORE_THAN_ONE)
    ]
    assert wrong == []


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


def _imports(tree: ast.AST) -> set[str]:
    """The modules of ours that a file imports when it runs, those inside functions too."""
    found: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        found |= _imports(node)
    return found


def test_no_two_files_need_each_other() -> None:
    """No circle of imports between files: imports for types do not count."""
    files = {
        ".".join(path.with_suffix("").parts).removesuffix(".__init__"): _imports(tree)
        for path, tree in _trees("tm_tui", "screens")
    }
    left = {name: imports & files.keys() - {name} for name, imports in files.items()}
    while free := {name for name, imports in left.items() if not imports & left.keys()}:
        left = {name: imports for name, imports in left.items() if name not in free}
    assert left == {}


SEAM = Path("screens/terminal/seam.py")
"""The one file that may use what is not public in Textual."""


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__") and name != "_"


@cache
def _textual() -> dict[str, dict[str, set[str]]]:
    """Of each module of Textual, each class with the private names that it has or sets."""
    folder = Path(importlib.util.find_spec("textual").submodule_search_locations[0])
    found: dict[str, dict[str, set[str]]] = {}
    for path in folder.glob("*.py"):
        module = ".".join(path.relative_to(folder.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                names = {getattr(one, "name", "") for one in node.body}
                names |= {ast.unparse(one.target) for one in node.body if isinstance(one, ast.AnnAssign)}
                names |= {
                    one.attr
                    for one in ast.walk(node)
                    if isinstance(one, ast.Attribute)
                    and isinstance(one.ctx, ast.Store)
                    and _root(one) == "self"
                }
                found.setdefault(module, {})[node.name] = set(filter(_is_private, names))
    return found


def _inherited(module: str, name: str) -> set[str]:
    """The private names that a class of ours has from Textual."""
    kind = getattr(importlib.import_module(module), name, None)
    bases = kind.__mro__ if isinstance(kind, type) else ()
    return {each for base in bases for each in _textual().get(base.__module__, {}).get(base.__name__, ())}


def _private_uses(path: Path, tree: ast.Module) -> Iterator[str]:
    """Private names of Textual: imported, set or asked of `self` by its heirs, or asked of anything else."""
    module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    everywhere = {each for kinds in _textual().values() for names in kinds.values() for each in names}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in {"textual", "rich"}:
            words = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            yield from (f"{path}:{node.lineno} {word}" for word in words if _is_private(word))
        elif isinstance(node, ast.Attribute) and _is_private(node.attr):
            owner = ast.unparse(node.value)
            if owner not in {"self", "super()", "os", "cls"} and node.attr in everywhere - {"_replace"}:
                yield f"{path}:{node.lineno} {owner}.{node.attr}"
        elif isinstance(node, ast.ClassDef) and (theirs := _inherited(module, node.name)):
            names = {getattr(one, "name", "") for one in node.body} | {
                one.attr
                for one in ast.walk(node)
                if isinstance(one, ast.Attribute) and ast.unparse(one.value) in {"self", "super()"}
            }
            yield from (f"{path}:{node.lineno} {node.name}.{name}" for name in sorted(names & theirs))


def test_one_file_knows_what_is_not_public_in_textual() -> None:
    """Another version of Textual breaks one file, which says so; nobody overrides a private name unawares."""
    found = {path: list(_private_uses(path, tree)) for path, tree in _trees("screens")}
    assert len(found.pop(SEAM)) > 15
    assert [use for uses in found.values() for use in uses] == []
