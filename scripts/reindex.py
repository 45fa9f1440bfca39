"""The same as `duolu reindex`, for cron and compose."""

import sys

from app.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "reindex")
    main()
