"""Exits 0 when the service in this container answers: what Docker asks every few seconds.

It asks whether the process lives, not whether it is ready: a gateway without a first snapshot is
well, and restarting it would bring none.
"""

import os
import sys
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

url = f"http://127.0.0.1:{os.environ.get('PORT', '8000')}/livez"
try:
    build_opener(ProxyHandler({})).open(url, timeout=2).close()
except (URLError, TimeoutError) as error:
    sys.exit(f"{url}: {error}")
