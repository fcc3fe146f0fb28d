#!/usr/bin/env python3
"""Ends a test run with the line `N passed, N failed`.

  summary.py testlog.json            what `meson test` left behind
  summary.py --status CODE FILE      the output of unit test programs, one of which may have failed

A doctest program counts its test cases. Any other test counts what the last line of the form
`N passed, N failed` in its output says, and as one where it has none. A program that fails although
all of its cases passed (a leak, a crash, a time-out) is one more failure; a skipped test is neither.
"""
import json
import re
import sys

DOCTEST = re.compile(r"\[doctest\] test cases: *\d+ \| *(\d+) passed \| *(\d+) failed")
PLAIN = re.compile(r"^(\d+) passed, (\d+) failed$", re.M)


def count(output, ok):
    cases = DOCTEST.findall(output) or PLAIN.findall(output)[-1:]
    passed = sum(int(p) for p, _ in cases)
    failed = sum(int(f) for _, f in cases)
    if ok and not cases:
        passed = 1
    if not ok and not failed:
        failed = 1
    return passed, failed


def runs(argv):
    if argv[0] == "--status":
        yield open(argv[2], errors="replace").read(), argv[1] == "0"
        return
    for line in open(argv[0]):
        test = json.loads(line)
        if test["result"] == "SKIP":
            why = test.get("stderr", "").strip().split("\n")[-1]
            print(f"skipped: {test['name']}: {why}")
        else:
            yield test.get("stdout", ""), test["result"] in ("OK", "EXPECTEDFAIL")


passed = failed = 0
for output, ok in runs(sys.argv[1:]):
    p, f = count(output, ok)
    passed, failed = passed + p, failed + f
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
