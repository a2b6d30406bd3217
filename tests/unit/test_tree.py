"""Guards over the tree itself: what no other tool looks at."""

import ast
import io
import os
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 400

# Made or kept by tools; nothing in there is committed.
NOT_OURS = {".git", ".venv", ".venv-openpgp", ".idea", ".vscode", "build", "dist", "htmlcov"}
GENERATED_DIRS = re.compile(
    r"\.\w+_cache|\.hypothesis|\.import_linter_cache|__pycache__|.*\.egg-info"
)

# Folders that hold packages without being one: an `__init__.py` in packaging/ would shadow PyPI's
# `packaging`, and in a source root it would put one more name before ours.
NO_PACKAGE = (".", "packaging", "agent", "drivers", "authority")


def _dotted(*parts: str) -> str:
    """Join the pieces of a host, so that this file does not hold what it looks for."""
    return r"\.".join(parts)


# Where packages are fetched from is each machine's own configuration.
REGISTRY_HOSTS = (
    _dotted("pypi", "org"),
    _dotted("pythonhosted", "org"),
    _dotted("npmjs", "(org|com)"),
    _dotted("deb", "debian", "org"),
    _dotted("conda", "anaconda", "org"),
    _dotted("crates", "io"),
    _dotted("proxy", "golang", "org"),
)
# Folders of the machines on which this was written.
MACHINE_PATHS = tuple(f"(?<![\\w.~-])/{top}/" for top in ("work", "root", "opt/(wheels|pypi)"))
ADDRESS = re.compile("|".join(REGISTRY_HOSTS + MACHINE_PATHS))

# The ways of switching a checker off; then the same with codes, and a reason behind a dash or hash.
SUPPRESSION = re.compile(r"\b(noqa|type:\s*ignore|pragma:\s*no|pyright:\s*ignore|mypy:)")
REASON = r"\s*[-–—:;#(]\s*\w+.*"
REASONED = re.compile(
    rf"noqa:\s*[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)*{REASON}"
    rf"|type:\s*ignore\[[\w,\s-]+\]{REASON}"
    rf"|pragma:\s*no (?:cover|branch){REASON}"
)


def _files() -> Iterator[Path]:
    for folder, subfolders, names in os.walk(ROOT):
        subfolders[:] = [
            name
            for name in subfolders
            if name not in NOT_OURS and not GENERATED_DIRS.fullmatch(name)
        ]
        yield from (Path(folder, name) for name in names if not name.startswith(".coverage"))


def _python_files() -> list[Path]:
    return [path for path in _files() if path.suffix in {".py", ".pyi"}]


def _texts() -> Iterator[tuple[Path, str]]:
    for path in _files():
        content = path.read_bytes()
        if b"\0" not in content:
            yield path, content.decode(errors="replace")


def _comments(path: Path) -> Iterator[tuple[int, str]]:
    source = io.StringIO(path.read_text())
    for token in tokenize.generate_tokens(source.readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_walk_sees_the_tree() -> None:
    names = {_name(path) for path in _files()}
    assert {"pyproject.toml", "tests/unit/test_tree.py", "agent/custode/__init__.py"} <= names


@pytest.mark.parametrize("folder", NO_PACKAGE)
def test_source_roots_are_no_packages(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()


def test_packaging_and_tests_hold_no_package_at_any_depth() -> None:
    found = [
        _name(path)
        for path in _python_files()
        if path.name == "__init__.py" and path.relative_to(ROOT).parts[0] in {"packaging", "tests"}
    ]
    assert not found


@pytest.mark.parametrize(
    "package", ["agent/custode", "drivers/custode_drivers", "authority/custode_authority"]
)
def test_packages_ship_their_types(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


def test_the_agents_packages_import_nothing_by_themselves() -> None:
    """Leaf modules are imported; the import contracts look inside packages, not at these files."""
    found = [
        f"{_name(path)}:{node.lineno}"
        for path in (ROOT / "agent/custode").rglob("__init__.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not found


def test_no_module_tells_more_than_one_story() -> None:
    counted = {_name(path): path.read_bytes().count(b"\n") for path in _python_files()}
    assert not {name: lines for name, lines in counted.items() if lines > MAX_LINES}


def test_no_registry_and_no_machine_is_named() -> None:
    found = [
        f"{_name(path)}:{number}: {line.strip()}"
        for path, text in _texts()
        for number, line in enumerate(text.splitlines(), 1)
        if ADDRESS.search(line)
    ]
    assert not found


def test_every_suppression_has_a_code_and_a_reason() -> None:
    found = [
        f"{_name(path)}:{number}: {comment}"
        for path in _python_files()
        for number, comment in _comments(path)
        if SUPPRESSION.search(comment) and not REASONED.search(comment)
    ]
    assert not found


@pytest.mark.parametrize("script", [".ci/run", "packaging/linux/setup.sh"])
def test_scripts_can_be_executed(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)


def test_ci_does_the_same_as_a_person() -> None:
    lines = (ROOT / ".ci/run").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith("#")]
    assert commands[-1] == "exec make test"
    assert [line for line in commands if "make" in line] == ["exec make test"]


def test_constraints_pin_names_versions_and_hashes_only() -> None:
    pin = re.compile(r"[\w.-]+==[\w.]+(?: ; .+)? \\|    --hash=sha256:[0-9a-f]{64}(?: \\)?|#.*")
    lines = (ROOT / "packaging/constraints.txt").read_text().splitlines()
    assert not [line for line in lines if not pin.fullmatch(line)]


@pytest.mark.parametrize(
    ("comment", "reasoned"),
    [
        ("# noqa: S603 - a fixed list", True),
        ("# noqa: S603,S607 - a fixed list", True),
        ("# noqa: S603  # a fixed list", True),
        ("# type: ignore[attr-defined]  # the stub lacks it", True),
        ("# pragma: no cover - runs in a worker process", True),
        ("# noqa: S603", False),
        ("# noqa", False),
        ("# type: ignore", False),
        ("# type: ignore  # no code", False),
        ("# type: ignore[attr-defined]", False),
        ("# pragma: no cover", False),
    ],
)
def test_what_counts_as_a_reason(comment: str, *, reasoned: bool) -> None:
    assert bool(REASONED.search(comment)) is reasoned


def test_what_readme_and_docs_lead_to_is_there() -> None:
    led_to = 0
    for page in (ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8")):
            led_to += 1
            assert (page.parent / target).exists(), f"{page.name}: {target}"
    assert led_to > 10
