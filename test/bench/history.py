"""What was measured of earlier revisions: one object a line, the newest last."""
import datetime
import json
import os
import pathlib
import subprocess
import sys

FILE = pathlib.Path(__file__).resolve().parent / "history.jsonl"


def revision():
    said = subprocess.run(["git", "describe", "--always", "--dirty", "--exclude", "*"], text=True,
                          cwd=FILE.parent, stdout=subprocess.PIPE)
    return said.stdout.strip() or "unknown"


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"


def recorded():
    return [json.loads(text) for text in FILE.read_text().splitlines()] if FILE.exists() else []


def record(results, all_cases):
    line = {"revision": revision(), "date": datetime.date.today().isoformat(),
            "processor": processor(), "processors": os.cpu_count(), "all_cases": all_cases, **results}
    with open(FILE, "a") as f:
        print(json.dumps(line, separators=(",", ":")), file=f)
    return line


def newest():
    """The last record of all cases."""
    found = [line for line in recorded() if line["all_cases"]]
    return found[-1] if found else sys.exit("bench: all cases together were never recorded")


def find(revision):
    found = [line for line in recorded() if line["revision"].startswith(revision)]
    if not found:
        sys.exit(f"bench: nothing was recorded of {revision}; there is " +
                 (", ".join(line["revision"] for line in recorded()) or "nothing at all"))
    return found[-1]


def compare(revision, ratios):
    """Rates differ from machine to machine, their ratios little: these are compared."""
    line = find(revision)
    before = line["ratios"]
    print(f"\n{'against ' + line['revision']:52} {'then':>10} {'now':>10} {'change':>8}")
    for name, now in ratios.items():
        if name in before:
            change = f"{now / before[name] - 1:+8.0%}" if before[name] else ""
            print(f"  {name:50} {before[name]:>10,} {now:>10,} {change:>8}")
