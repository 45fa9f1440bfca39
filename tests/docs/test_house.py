"""The rules of the house: sizes, docstrings, and which part may import which."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = ("app", "scripts", "benchmarks", "examples")
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 50


def sources(*folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def test_every_file_can_be_read_at_one_sitting():
    lines = {name(f): len(f.read_text("utf-8").splitlines()) for f in sources(*CODE, "tests")}
    too_long = {file: count for file, count in lines.items() if count > MAX_FILE_LINES}
    assert not too_long, f"split at a seam: {too_long}"


def test_every_function_fits_on_a_screen():
    """Counted without its signature: a command's is a table of its options."""
    too_long = [
        f"{name(file)}:{node.lineno} {node.name} ({lines})"
        for file in sources(*CODE)
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.body[0].lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert not too_long


def test_every_module_and_package_says_what_it_is():
    silent = [
        name(file)
        for file in sources(*CODE)
        if not ast.get_docstring(ast.parse(file.read_text("utf-8")))
    ]
    assert not silent


def test_every_folder_of_code_is_a_package():
    holding_code = {file.parent for file in sources("app", "tests")}
    assert not [name(folder) for folder in holding_code if not (folder / "__init__.py").exists()]


def test_no_file_has_a_name_that_says_nothing():
    empty_words = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
    assert not [name(f) for f in sources(*CODE, "tests") if f.stem in empty_words]


def test_the_arrows_between_the_parts_point_down():
    code, report = lint(ROOT)
    assert code == 0, report


def test_arrows_that_point_up_are_found(tmp_path):
    """One wrong import for each contract, so that none of them is idle."""
    shutil.copytree(ROOT / "app", tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    wrong = {
        "corpus/documents.py": "app.recall.channel",
        "pipeline/search.py": "fastapi",
        "domain/query.py": "numba",
        "offline/reindex.py": "app.online.limits",
        "online/telemetry.py": "app.online.gateway.routes",
        "recall/channels/geo.py": "app.recall.channels.popular",
        "online/gateway/routes.py": "app.online.ranker",
    }
    for file, imported in wrong.items():
        changed = tmp_path / "app" / file
        text = changed.read_text("utf-8")
        changed.write_text(f"{text}\nimport {imported} as wrong\n", "utf-8")
    code, report = lint(tmp_path)
    assert code != 0
    assert "BROKEN" in report
    assert " KEPT" not in report


def lint(folder: Path) -> tuple[int, str]:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_every_library_that_is_imported_is_asked_for_and_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [
        *project["dependencies"],
        *(
            it
            for name in ("report", "tune", "postgres", "redis", "encoders")
            for it in extras[name]
        ),
    ]
    pinned = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    installed = packages_distributions()
    missing = {
        library: files
        for library, files in imported_libraries().items()
        if not any(
            names(asked, distribution) and names(pinned, distribution)
            for distribution in installed.get(library, [])
        )
    }
    assert not missing, f"add to pyproject.toml, then: make lock: {missing}"


def names(requirements: list[str], distribution: str) -> bool:
    wanted = re.sub(r"[-_.]+", "-", distribution).lower()
    return any(re.match(rf"{wanted}\b(?!-)", line) for line in requirements)


def imported_libraries() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for file in sources("app"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module]
            for library in {module.partition(".")[0] for module in modules}:
                if library not in sys.stdlib_module_names and library != "app":
                    found.setdefault(library, set()).add(name(file))
    return found
