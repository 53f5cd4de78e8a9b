"""A job that does nothing until it is stopped: what a studio starts in tests in place of a command."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from flawforge.core.locks import FolderLock

folder = Path(sys.argv[1])
with FolderLock(folder, "job", "idle"):
    print("at work", *sys.argv[2:], flush=True)
    code = 0
    try:
        while "--seed=1" not in sys.argv:
            time.sleep(0.02)
    except KeyboardInterrupt:
        code = 1
    (folder / "ended.json").write_text(json.dumps({"code": code}))
