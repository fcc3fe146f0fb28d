#!/usr/bin/env python3
"""Reads what `llvm-cov export` wrote and holds it to the bars: lines of the library, branches of
what reads bytes of strangers.

    coverage.py EXPORT.json [--missed]
    coverage.py --self-test

A branch that no input can take is listed in unreachable_branches.txt, beside this file:

    FILE | CONDITION | true or false | why nothing takes it

Where several branches of a file read the same, `CONDITION #2` is the second of them from the top,
so that no line excuses more than one. A line there that fits no branch, or one that is taken, is
stale, and fails as well; so does one that could be of several branches, and a name below that is of
no file. --missed also prints the lines that are not covered, a line for each file.
"""

import collections
import json
import pathlib
import re
import sys

LINES = 95.0  # per cent of the library's
BRANCHES_OF = (
    "lib/bson_validate.cpp", "lib/bson_validator.hpp",
    "lib/native_codec.cpp", "lib/native_writing.cpp", "lib/detecting_codec.cpp",
    "lib/mongodb/client_codec", "lib/mongodb/server_codec", "lib/mongodb/wire",
    "lib/mongodb/compression.cpp", "lib/mongodb/crc32c.cpp", "lib/mongodb/legacy_requests.cpp",
    "lib/mongodb/command_reading.cpp", "lib/mongodb/reply_reading.cpp",
    "lib/mongodb/server_answers.cpp", "lib/mongodb/handshake.cpp",
    "lib/scram", "lib/saslprep.cpp",
)  # files, or how their names begin
ROOT = pathlib.Path(__file__).resolve().parent.parent
UNREACHABLE = pathlib.Path(__file__).with_name("unreachable_branches.txt")


def within(name):
    """The path in the tree, None for files of others."""
    path = pathlib.Path(name).resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else None


class Source:
    def __init__(self, name):
        self.lines = (ROOT / name).read_text().splitlines()

    def text(self, line, column, end_line, end_column):
        """What stands there, in one line."""
        if line == end_line:
            return self.lines[line - 1][column - 1:end_column - 1]
        parts = [self.lines[line - 1][column - 1:]] + self.lines[line:end_line - 1]
        parts.append(self.lines[end_line - 1][:end_column - 1])
        return " ".join(part.strip() for part in parts)


def covered_lines(file):
    """Line to how often it ran, of the lines that have code, as llvm-cov's reports count them."""
    counts, wrapped, at = {}, None, 0
    by_line = collections.defaultdict(list)
    for segment in file["segments"]:
        by_line[segment[0]].append(segment)
    for line in sorted(by_line):
        if wrapped is not None and wrapped[3]:
            for between in range(at + 1, line):
                counts[between] = wrapped[2]
        starts = [s for s in by_line[line] if s[3] and s[4] and not s[5]]
        skipped = by_line[line][0][4] and not by_line[line][0][3]
        if not skipped and (wrapped is not None and wrapped[3] or starts):
            running = [s[2] for s in starts]
            if wrapped is not None and wrapped[3]:
                running.append(wrapped[2])
            counts[line] = max(running)
        wrapped, at = by_line[line][-1], line
    return counts


def branches(file):
    """(line, column, end line, end column) to how often it was true and false, over all
    instantiations."""
    found = collections.defaultdict(lambda: [0, 0])
    for b in file.get("branches", []):
        found[tuple(b[:4])][0] += b[4]
        found[tuple(b[:4])][1] += b[5]
    return found


def read_unreachable():
    entries = {}
    for number, line in enumerate(UNREACHABLE.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [p.strip() for p in line.rsplit(" | ", 2)]
        file, _, condition = parts[0].partition(" | ")
        if len(parts) != 3 or not condition or parts[1] not in ("true", "false") or not parts[2]:
            sys.exit(f"{UNREACHABLE.name}:{number}: expected FILE | CONDITION | true|false | WHY")
        entries[file.strip(), condition.strip(), parts[1]] = number
    return entries


def numbered(source, found):
    """The branches from the top, each with what it reads, and ` #N` where others read the same."""
    texts = {where: source.text(*where) for where in sorted(found)}
    several = collections.Counter(texts.values())
    before = collections.Counter()
    for where, text in texts.items():
        before[text] += 1
        yield where, f"{text} #{before[text]}" if several[text] > 1 else text


def without_files(names):
    """Those of BRANCHES_OF of which nothing is measured."""
    return [n for n in BRANCHES_OF if not any(name.startswith(n) for name in names)]


def percent(part, whole):
    return 100.0 if whole == 0 else 100.0 * part / whole


def self_test():
    """That no line excuses two branches, and that a name of no file is noticed."""
    class source:
        def text(self, line, *_):
            return {1: "a", 2: "b", 3: "a"}[line]
    found = {(3, 1, 3, 2): [0, 1], (1, 1, 1, 2): [0, 1], (2, 1, 2, 2): [0, 1]}
    assert [text for _, text in numbered(source(), found)] == ["a #1", "b", "a #2"]
    assert without_files(BRANCHES_OF) == []
    assert without_files([n for n in BRANCHES_OF if n != "lib/scram"]) == ["lib/scram"]
    there = [p.relative_to(ROOT).as_posix() for p in (ROOT / "lib").rglob("*")]
    assert without_files(there) == [], without_files(there)
    for file, condition, _ in read_unreachable():
        assert file.startswith(BRANCHES_OF), file
        text = re.sub(r" #\d+$", "", condition)
        assert text in " ".join((ROOT / file).read_text().split()), (file, text)


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return 0
    export = json.load(open(sys.argv[1]))
    files = {within(f["filename"]): f for f in export["data"][0]["files"]}
    library = {n: f for n, f in files.items() if n and n.startswith(("lib/", "include/"))}
    wrong = []

    run = all_lines = 0
    for name, file in sorted(library.items()):
        counts = covered_lines(file)
        run += sum(1 for n in counts.values() if n)
        all_lines += len(counts)
        missed = sorted(line for line, n in counts.items() if n == 0)
        if missed and "--missed" in sys.argv:
            print(f"{name}: {percent(len(counts) - len(missed), len(counts)):.1f} %, not:",
                  *missed)
    print(f"library: {percent(run, all_lines):.2f} % of {all_lines} lines")
    if percent(run, all_lines) < LINES:
        wrong.append(f"less than {LINES} % of the library's lines are covered")

    for name in without_files(library):
        wrong.append(f"BRANCHES_OF: '{name}' is the name, or the beginning, of no file")
    listed = read_unreachable()
    used = set()
    taken = total = unreachable = 0
    for name, file in sorted(library.items()):
        if not name.startswith(BRANCHES_OF):
            continue
        source = Source(name)
        mine = [0, 0]
        found = branches(file)
        for where, condition in numbered(source, found):
            counts = found[where]
            for side, count in zip(("true", "false"), counts):
                key = (name, condition, side)
                if count == 0 and key in listed:
                    used.add(key)
                    unreachable += 1
                    continue
                mine[0] += count > 0
                mine[1] += 1
                if count == 0:
                    wrong.append(f"{name}:{where[0]}:{where[1]}: never {side}: {condition}")
        taken += mine[0]
        total += mine[1]
        print(f"  {percent(*mine):6.2f} % of {mine[1]:4} branches: {name}")
    print(f"codecs, validator, SCRAM: {percent(taken, total):.2f} % of {total} branches, and"
          f" {unreachable} that cannot be taken")
    for key in sorted(listed.keys() - used, key=listed.get):
        wrong.append(f"{UNREACHABLE.name}:{listed[key]}: stale: no branch of {key[0]} that is"
                     f" never {key[2]} is '{key[1]}', or several are, which #1, #2, ... tell apart")
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
