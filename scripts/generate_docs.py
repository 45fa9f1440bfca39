"""Writes what the code already says: docs/configuration.md and docs/features.md.

`python scripts/generate_docs.py` (`make docs`). A test compares; nobody edits these pages by hand.
"""

from __future__ import annotations

import ast
import inspect
import json
import pkgutil
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.domain.dotted import load
from app.features.catalog import CATALOG
from app.features.feature import Feature, Template
from app.recall import channels
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
MERGERS = (
    "app.merge.convex:ConvexMerger",
    "app.merge.rrf:RrfMerger",
    "app.merge.quota:QuotaMerger",
)
WORDS = {
    "str": "text",
    "SecretStr": "text, never shown",
    "Path": "path",
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "tuple[str, ...]": "list of texts",
    "Mapping[str, float]": "table of numbers",
    "dict[str, float]": "table of numbers",
    "dict[str, Any]": "table",
    "dict[str, tuple[str, ...]]": "table of lists of texts",
    "AwareDatetime": "time with its offset from UTC",
}
SIGNS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
AT_REINDEX = ("fields", "attributes", "columns", "encoder", "query", "reindex")
"""Sections that are read when a snapshot is built and at no other time."""

CONFIGURATION = """\
# Configuration
<!-- Written by scripts/generate_docs.py from app/settings and the channels: make docs -->
`config/search.toml` is the only file that an operator edits; `--config FILE` or `DUOLU_CONFIG`
names another. Later wins:

1. the file;
2. the environment: `DUOLU_SECTION__KEY`, two underscores between steps, read in lower case;
3. `--set SECTION.KEY=VALUE`, of every command that reads the configuration.

Values of 2 and 3 are JSON where they are JSON, else words:

    DUOLU_CHANNELS__VECTOR__K=50 duolu serve
    duolu serve --set channels.geo.enabled=false --set 'service.cors_origins=["https://a.example"]'

A key that nobody knows, a value of another type or out of its limits ends the command with the
key's name, so that a misspelt setting never passes in silence. A channel's own keys are looked at
when the channel is built or opened.

Running services read the configuration once: restart them after a change. **Some keys take effect
only at the next reindex**, and not at a restart: those of {sections},
and of the channels those marked *reindex*. A channel that is new, or was switched off at the last
reindex, has no part in the snapshot and joins after the next one.

Beside the tree stand `DUOLU_CONFIG` (the file), `DUOLU_DATA` and `DUOLU_MODELS` (the folders),
`DUOLU_KEY` (what administration asks for) and `DUOLU_DATASETS` (published data sets, for
`scripts/datasets.py`).
"""

FEATURES = """\
# Features
<!-- Written by scripts/generate_docs.py from app.features.catalog: make docs -->
What a recipe may name in `features = […]`. A feature is the function of its name; *inputs* are its
parameters, other features or what [app/features/inputs.py](../app/features/inputs.py) looks up.
Missing is NaN, never 0, unless the line says otherwise. To add one, see
[CONTRIBUTING](../CONTRIBUTING.md).
"""

TEMPLATES = """\
A feature for each field of the kind in *over*: `bm25(title)` is one, `bm25(*)` all of them. Inputs
of the document, the pair, the hits and the list are those of the field.
"""


@dataclass(frozen=True, slots=True)
class Option:
    """One key of a dataclass whose defaults are its documentation."""

    name: str
    type: str
    default: Any
    comment: str


def main() -> None:
    for path, text in pages().items():
        path.write_text(text, "utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


def pages() -> dict[Path, str]:
    """Return what each generated page should hold."""
    return {
        ROOT / "docs" / "configuration.md": configuration(),
        ROOT / "docs" / "features.md": features(),
    }


def configuration() -> str:
    sections = ", ".join(f"`[{name}]`" for name in AT_REINDEX)
    parts = [CONFIGURATION.format(sections=sections)]
    for name, info in Settings.model_fields.items():
        if model_in(info.annotation) is None:  # its keys are the operator's own
            parts.append(f"## `[{name}]`\n{info.description} Read at reindex.\n")
        parts += described(name, info.annotation)
        if name == "channels":
            parts += [channel_section(module) for module in channel_modules()]
        if name == "merge":
            parts.append(mergers_section())
    return "\n".join(parts)


def described(name: str, annotation: Any, depth: int = 2) -> Iterator[str]:
    """Describe one section of the settings, or one kind of table in it; then those inside."""
    model = model_in(annotation)
    if model is None:
        return
    spelled = {dict: f"[{name}.NAME]", tuple: f"[[{name}]]"}.get(get_origin(annotation) or model)
    keys = model.model_fields.items()
    rows = (
        (f"`{key}`", kind(field.annotation), default(field), limits(field), field.description or "")
        for key, field in keys
        if model_in(field.annotation) is None
    )
    heading = f"{'#' * depth} `{spelled or f'[{name}]'}`"
    about = f"{inspect.getdoc(model)}{' Read at reindex.' if name in AT_REINDEX else ''}\n"
    yield "\n".join([heading, about, table(("key", "type", "default", "limits", ""), rows, "")])
    for key, field in keys:
        yield from described(f"{name}.{key}", field.annotation, depth + 1)


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the section that a key holds, or holds many of; None where it holds a value."""
    kinds = get_args(annotation) or (annotation,)
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)


def channel_modules() -> list[ModuleType]:
    names = (module.name for module in pkgutil.iter_modules(channels.__path__))
    return [import_module(f"{channels.__name__}.{name}") for name in names]


def channel_section(module: ModuleType) -> str:
    """Describe the keys that one channel alone has."""
    name = module.__name__.rpartition(".")[2]
    when = dict.fromkeys(read_by_build(module), "reindex")
    rows = (
        (f"`{o.name}`", WORDS[o.type], shown(o.default), when.get(o.name, "restart"), o.comment)
        for o in options_of(options_class(module))
    )
    columns = ("key", "type", "default", "effective", "")
    heading = f"### `[channels.{name}]`: its own keys"
    return "\n".join([heading, f"{first_paragraph(module)}\n", table(columns, rows)])


def options_class(module: ModuleType) -> type:
    options: type
    (options,) = (kind for key, kind in vars(module).items() if key.endswith("Options"))
    return options


def mergers_section() -> str:
    """Describe the mergers there are, and what each takes in `merge.options`."""
    rows = []
    for path in MERGERS:
        merger = load(path)
        own = [o for o in options_of(merger) if o.name != "weights"]
        takes = "; ".join(f"`{o.name}` = {shown(o.default)}: {o.comment}" for o in own)
        rows.append((f"`{path}`", first_sentence(import_module(merger.__module__)), takes))
    return "\n".join(["### Mergers", "", table(("kind", "", "options"), rows)])


def features() -> str:
    templates, single = CATALOG.templates.values(), CATALOG.features.values()
    return "\n".join(
        [
            FEATURES,
            "## Features",
            "",
            table(("name", "unit", "", "inputs"), (feature_row(f) for f in single)),
            "## Templates",
            TEMPLATES,
            table(
                ("name", "over", "unit", "", "inputs"),
                ((f"`{t.name}(…)`", t.over, *feature_row(t)[1:]) for t in templates),
            ),
        ]
    )


def feature_row(feature: Feature | Template) -> tuple[str, str, str, str]:
    inputs = " ".join(f"`{name}`" for name in feature.inputs)
    return f"`{feature.name}`", feature.unit, " ".join(feature.doc.split()), inputs


def options_of(options: type) -> list[Option]:
    """Read a dataclass: names and types, defaults, and the comment that ends each field's line."""
    source = textwrap.dedent(inspect.getsource(options))
    (body,) = ast.parse(source).body
    lines, made = source.splitlines(), options()
    found = {
        node.target.id: Option(
            node.target.id,
            ast.unparse(node.annotation),
            getattr(made, node.target.id),
            lines[(node.end_lineno or 0) - 1][node.end_col_offset or 0 :].lstrip(" #"),
        )
        for node in getattr(body, "body", [])
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    return [found[field.name] for field in fields(options)]


def read_by_build(module: ModuleType) -> set[str]:
    """Return the options that the channel's `build` reads: a change of theirs needs a reindex."""
    tree = ast.parse(inspect.getsource(module))
    (build,) = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "build")
    return {
        node.attr
        for node in ast.walk(build)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "options"
    }


def kind(annotation: Any) -> str:
    """Spell a type as an operator reads it."""
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) is UnionType:
        return " or ".join(kind(a) for a in get_args(annotation) if a is not NoneType)
    is_plain = isinstance(annotation, type) and not get_args(annotation)
    return WORDS[annotation.__name__ if is_plain else str(annotation).replace("typing.", "")]


def default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    return "required" if field.is_required() else shown(value)


def shown(value: Any) -> str:
    """Write a default as TOML would have it."""
    if value is None:
        return "unset"
    if isinstance(value, Mapping):
        return f"`{{{', '.join(f'{k} = {v}' for k, v in value.items())}}}`"
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value)}`"


def limits(field: FieldInfo) -> str:
    return ", ".join(
        f"{sign} {getattr(bound, name):,}"
        for bound in field.metadata
        for name, sign in SIGNS.items()
        if hasattr(bound, name)
    )


def first_paragraph(module: ModuleType) -> str:
    return " ".join((inspect.getdoc(module) or "").split("\n\n")[0].split())


def first_sentence(module: ModuleType) -> str:
    return re.split(r"(?<=\.)\s", first_paragraph(module))[0]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], none: str = "It has none.") -> str:
    """Lay out a Markdown table; `none` where it would have no rows."""
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    head = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    return "\n".join([*head, *lines, ""]) if lines else f"{none}\n"


if __name__ == "__main__":
    main()
