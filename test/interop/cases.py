"""What the Python programs of this folder share: how a case is told, and what a skip is."""
import os
import subprocess
import sys
import traceback

SKIPPED = 77


def unavailable(what, reason):
    """Ends the program: a failure in CI, elsewhere a skip that is told on stderr."""
    print(f"interop: {what} cannot run: {reason}", file=sys.stderr)
    if os.environ.get("CI"):
        print("0 passed, 1 failed")
        sys.exit(1)
    sys.exit(SKIPPED)


def require_packages(what, packages, folder):
    """Ends the program unless ./install put `folder` into `packages`; it writes the stamp last."""
    if not (packages / "node").exists() or not (packages / folder / "stamp").exists():
        unavailable(what, f"npm packages are missing; try: test/interop/install {packages}")


def python_with(module):
    """A Python that has the module, or None. The system's packages are in the system's own."""
    for python in ("/usr/bin/python3", sys.executable):
        tried = subprocess.run([python, "-c", f"import {module}"], stderr=subprocess.DEVNULL,
                               check=False) if os.path.exists(python) else None
        if tried and tried.returncode == 0:
            return python
    return None


def go_on_with(module):
    """Starts this program anew in a Python that has the module, unless this one does."""
    try:
        __import__(module)
        return
    except ImportError:
        python = python_with(module) or unavailable(module, "no Python has it")
    os.execv(python, [python, *sys.argv])


class skip(Exception):
    """Raised by a case that this program cannot run; says why."""


def missing(what, reason):
    """Ends the case: a failure in CI, elsewhere a skip that is told on stderr, too."""
    if os.environ.get("CI"):
        raise RuntimeError(f"{what}: {reason}")
    print(f"interop: {what} cannot run: {reason}", file=sys.stderr)
    raise skip(reason)


class cases:
    """Runs cases one after the other and prints a line for each: ok, not ok or skip."""

    def __init__(self):
        self.passed = self.failed = 0

    def run(self, name, function):
        try:
            function()
        except skip as why:
            print(f"skip {name}: {why}", flush=True)
        except Exception as e:  # pylint: disable=broad-except
            self.failed += 1
            traceback.print_exc()
            why = " ".join(f"{type(e).__name__}: {e}".split())
            print(f"not ok {name}: {why[:300]}", flush=True)
        else:
            self.passed += 1
            print(f"ok {name}", flush=True)

    def end(self):
        """Prints the closing line and ends the program."""
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed else 0)
