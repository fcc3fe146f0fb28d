#!/usr/bin/env python3
"""Ends a test run with the line `N passed, N failed`.

  summary.py testlog.json            what `meson test` left behind
  summary.py --status CODE FILE      the output of unit test programs, one of which may have failed

A doctest program counts its test cases. Any other test counts what the last line of the form
`N passed, N failed` in its output says, and as one where it has none. A program that fails although
all of its cases passed (a leak, a crash, a time-out) is one more failure; a skipped test is neither.

Before that line each program that failed is named, with what its output says of its failures, so
that the end of a long log is enough to know them.
"""
import json
import re
import sys

DOCTEST = re.compile(r"\[doctest\] test cases: *\d+ \| *(\d+) passed \| *(\d+) failed")
PLAIN = re.compile(r"^(\d+) passed, (\d+) failed$", re.M)
MOST_TOLD = 8  # failures of one program

# What a sanitizer says, a doctest case with an error that is none of those that should fail, and
# the words of our scripts and of unittest.
SANITIZER = re.compile(r".*(?:(?:ERROR|WARNING): \w+Sanitizer|runtime error: ).*")
CASE = re.compile(r"^TEST CASE: .*", re.M)
CASE_FAILED = re.compile(r": (?:FATAL )?ERROR: ")
SCRIPT = re.compile(r"^(?:FAILED|FAIL:|ERROR:) .*|^.*: FAILED: .*", re.M)


def count(output, ok):
    cases = DOCTEST.findall(output) or PLAIN.findall(output)[-1:]
    passed = sum(int(p) for p, _ in cases)
    failed = sum(int(f) for _, f in cases)
    if ok and not cases:
        passed = 1
    if not ok and not failed:
        failed = 1
    return passed, failed


def failures(output):
    """In their own words; the last line where there are none."""
    told = SANITIZER.findall(output)
    for block in re.split(r"^={70,}$", output, flags=re.M):
        if CASE_FAILED.search(block) and "Failed as expected" not in block:
            told += CASE.findall(block)[:1]
    told += SCRIPT.findall(output)
    return told or output.strip().splitlines()[-1:] or ["it said nothing"]


def tell(name, output, result):
    all_told = failures(output)
    for what in all_told[:MOST_TOLD]:
        print(f"failed: {name} ({result}): {what.strip()[:500]}")
    if len(all_told) > MOST_TOLD:
        print(f"failed: {name} ({result}): and {len(all_told) - MOST_TOLD} more")


def runs(argv):
    if argv[0] == "--status":
        output, ok = open(argv[2], errors="replace").read(), argv[1] == "0"
        if not ok:
            tell("unit", output, f"exit status {argv[1]}")
        yield output, ok
        return
    for line in open(argv[0]):
        test = json.loads(line)
        if test["result"] == "SKIP":
            why = test.get("stderr", "").strip().split("\n")[-1]
            print(f"skipped: {test['name']}: {why}")
        else:
            output, ok = test.get("stdout", ""), test["result"] in ("OK", "EXPECTEDFAIL")
            if not ok:
                tell(test["name"], f"{output}\n{test.get('stderr', '')}", test["result"])
            yield output, ok


passed = failed = 0
for output, ok in runs(sys.argv[1:]):
    p, f = count(output, ok)
    passed, failed = passed + p, failed + f
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
