#!/usr/bin/env python3
"""pymongo as a client of `oocrpcd demo`, for interop_test.py, which says how they talk.

With --hang it makes one call that does not end, to be killed in. With OOCRPC_LOGINS it tries those
logins instead, for login_test.py.
"""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from cases import cases  # noqa: E402
from pymongo_cases import calls, connections, cursors, failures, writes  # noqa: E402,F401
from pymongo_cases.logins import run_logins  # noqa: E402
from pymongo_cases.support import FOREVER, demo, known  # noqa: E402

if __name__ == "__main__":
    if sys.argv[1:] == ["--hang"]:
        demo.command("sleep_ms", [FOREVER])
    if "OOCRPC_LOGINS" in os.environ:
        run_logins(os.environ["OOCRPC_LOGINS"])
        sys.exit()
    run = cases()
    for name in os.environ.get("OOCRPC_CASES", ",".join(known)).split(","):
        run.run(name, known[name])
    run.end()
