"""The end of a suite in Python: runs its tests and counts them as test/summary.py reads it."""
import sys
import traceback


def run(tests):
    """Runs the functions, tells those that throw by their names, and exits."""
    failed = 0
    for test in tests:
        try:
            test()
        except Exception:
            failed += 1
            print(f"FAILED: {test.__name__.replace('_', ' ')}")
            traceback.print_exc(file=sys.stdout)
    print(f"{len(tests) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
