"""Fetch the console's libraries from the npm registry, pinned by version and digest.

    python scripts/vendor_console.py            # what VERSIONS.json says, checked
    python scripts/vendor_console.py --latest   # take the newest, and write down what was taken

What is fetched is committed: neither users nor CI need node or the registry.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

REGISTRY = "https://registry.npmjs.org"
VENDOR = Path(__file__).parents[1] / "app" / "console" / "vendor"
VERSIONS = VENDOR / "VERSIONS.json"
SOURCE_MAP = "//# sourceMappingURL="


@dataclass(frozen=True, slots=True)
class Library:
    """A package, and which of its files the console loads under which name."""

    name: str
    files: tuple[tuple[str, str], ...]


LIBRARIES = (
    Library("preact", (("dist/preact.mjs", "preact.js"), ("hooks/dist/hooks.mjs", "hooks.js"))),
    Library("htm", (("dist/htm.mjs", "htm.js"),)),
)


def main(
    latest: Annotated[bool, typer.Option(help="Take the newest instead of the pinned.")] = False,
    registry: Annotated[str, typer.Option(envvar="NPM_CONFIG_REGISTRY")] = REGISTRY,
) -> None:
    """Write app/console/vendor anew."""
    pinned = {} if latest else json.loads(VERSIONS.read_text("utf-8"))
    VENDOR.mkdir(parents=True, exist_ok=True)
    with httpx.Client(base_url=registry.rstrip("/"), follow_redirects=True, timeout=60) as client:
        taken = {it.name: fetch(client, it, pinned.get(it.name)) for it in LIBRARIES}
    VERSIONS.write_text(json.dumps(taken, indent=2) + "\n", "utf-8")
    for name, said in taken.items():
        print(f"{name} {said['version']} ({said['license']})")


def fetch(client: httpx.Client, library: Library, pin: dict[str, Any] | None) -> dict[str, Any]:
    """Write one library's files; return what VERSIONS.json says of it."""
    wanted = pin["version"] if pin else "latest"
    said = client.get(f"/{library.name}/{wanted}").raise_for_status().json()
    packed = client.get(said["dist"]["tarball"]).raise_for_status().content
    digest = "sha512-" + base64.b64encode(hashlib.sha512(packed).digest()).decode()
    expected = pin["integrity"] if pin else said["dist"]["integrity"]
    if digest != expected:
        sys.exit(f"{library.name} {said['version']}: {digest} is not {expected}; do not use it")
    with tarfile.open(fileobj=io.BytesIO(packed)) as package:
        for path, name in library.files:
            (VENDOR / name).write_text(in_a_browser(read(package, path)), "utf-8")
        (VENDOR / f"LICENSE.{library.name}").write_text(read(package, "LICENSE"), "utf-8")
    return {"version": said["version"], "license": said["license"], "integrity": digest}


def read(package: tarfile.TarFile, path: str) -> str:
    member = package.extractfile(f"package/{path}")
    if member is None:
        sys.exit(f"the package has no file {path}; see what it is called now")
    return member.read().decode()


def in_a_browser(module: str) -> str:
    """Name the neighbour by its file, for a browser knows no packages; drop source maps."""
    lines = (line for line in module.splitlines() if not line.startswith(SOURCE_MAP))
    return "\n".join(lines).strip().replace('from"preact"', 'from"./preact.js"') + "\n"


if __name__ == "__main__":
    typer.run(main)
