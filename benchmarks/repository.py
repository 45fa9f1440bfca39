"""The repository's folder, on the path, for benchmarks that start servers as tests do.

Python puts a script's own folder there and no other.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))
