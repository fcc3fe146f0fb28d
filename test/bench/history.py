"""What was measured of earlier revisions: one object a line, the newest last."""
import datetime
import json
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


def record(results):
    line = {"revision": revision(), "date": datetime.date.today().isoformat(),
            "processor": processor(), **results}
    with open(FILE, "a") as f:
        print(json.dumps(line, separators=(",", ":")), file=f)


def compare(wanted, ratios):
    """Rates differ from machine to machine, their ratios little: these are compared."""
    lines = [json.loads(text) for text in FILE.read_text().splitlines()] if FILE.exists() else []
    found = [line for line in lines if line["revision"].startswith(wanted)]
    if not found:
        sys.exit(f"bench: nothing was recorded of {wanted}; there is " +
                 (", ".join(line["revision"] for line in lines) or "nothing at all"))
    before = found[-1]["ratios"]
    print(f"\n{'against ' + found[-1]['revision']:52} {'then':>8} {'now':>8} {'change':>8}")
    for name, now in ratios.items():
        if name in before:
            print(f"  {name:50} {before[name]:>8.3f} {now:>8.3f} {now / before[name] - 1:>+8.0%}")
