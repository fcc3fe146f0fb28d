#!/usr/bin/env python3
"""Runs files of MongoDB's BSON corpus through `oocrpc bson`.

    bson_corpus.py OOCRPC FOLDER

FOLDER is source/bson-corpus/tests of MongoDB's specifications, which cannot be shipped here for
its licence. What is asserted of a case is in bson-corpus.md there, for programs that go from BSON
to JSON and back directly. Prints what failed, and a line with the counts.
"""
import concurrent.futures
import json
import pathlib
import subprocess
import sys


class runner:
    def __init__(self, program):
        self.program = program

    def run(self, data, *words):
        done = subprocess.run([self.program, "bson", *words], input=data, capture_output=True,
                              timeout=60)
        return done.returncode, done.stdout, done.stderr.decode()

    def dump(self, documents, *words):
        """The line of each document."""
        code, out, err = self.run(b"".join(documents), "dump", *words)
        lines = out.decode().split("\n")
        if code or err or len(lines) != len(documents) + 1 or lines[-1]:
            raise AssertionError(f"dump {words} of {documents}: {code} {out!r} {err}")
        return lines[:-1]

    def load(self, texts):
        """The bytes of each document."""
        code, out, err = self.run("\n".join(texts).encode(), "load")
        if code or err:
            raise AssertionError(f"load of {texts}: {code} {err}")
        documents = []
        while out:
            length = int.from_bytes(out[:4], "little")
            documents.append(out[:length])
            out = out[length:]
        if len(documents) != len(texts):
            raise AssertionError(f"{texts} became {documents}")
        return documents

    def refuse(self, data, word):
        code, out, err = self.run(data, word)
        if code != 65 or not err.startswith("oocrpc: ") or err.count("\n") != 1:
            raise AssertionError(f"{word} of {data!r}: {code} {out!r} {err}")

    def valid(self, cases):
        to_canonical, to_relaxed, to_bytes, and_back = [], [], [], []
        for case in cases:
            clean = bytes.fromhex(case["canonical_bson"])
            canonical, relaxed = case.get("canonical_extjson"), case.get("relaxed_extjson")
            for data in clean, bytes.fromhex(case.get("degenerate_bson", "")):
                if data and canonical:
                    to_canonical.append((data, canonical))
                if data and relaxed:
                    to_relaxed.append((data, relaxed))
            for text in canonical, case.get("degenerate_extjson"):
                if text and not case.get("lossy"):
                    to_bytes.append((text, clean))
            if relaxed:
                and_back.append(relaxed)
        for pairs, words in (to_canonical, ["--canonical"]), (to_relaxed, []):
            for got, (_, wanted) in zip(self.dump([data for data, _ in pairs], *words), pairs):
                same_json(got, wanted)
        for got, (_, wanted) in zip(self.load([text for text, _ in to_bytes]), to_bytes):
            same_bytes(got, wanted)
        for got, wanted in zip(self.dump(self.load(and_back)), and_back):
            same_json(got, wanted)

    def decode_error(self, case):
        self.refuse(bytes.fromhex(case["bson"]), "dump")

    def parse_error(self, case, kind):
        text = case["string"]
        if kind == "0x13" and not text.startswith("{"):
            text = json.dumps({"d": {"$numberDecimal": text}})
        self.refuse(text.encode(), "load")


def parsed(text):
    """With the order of keys, with keys that come twice, and 1 apart from 1.0."""
    value = json.loads(text, object_pairs_hook=lambda pairs: ("object", pairs))
    return repr(value)


def same_json(got, wanted):
    if parsed(got) != parsed(wanted):
        raise AssertionError(f"got {got}\nwanted {wanted}")


def same_bytes(got, wanted):
    if got != wanted:
        raise AssertionError(f"got {got.hex()}\nwanted {wanted.hex()}")


def jobs_of(table, run):
    """Each case as (name, what to do); those that are valid all at once where all are right."""
    kind = table.get("bson_type", "")
    name = lambda key, case: f"{table['description']}: {key}: {case['description']}"
    good = table.get("valid", [])
    try:
        run.valid(good)
        check = lambda case: None
    except Exception:
        check = lambda case: run.valid([case])
    for key, check, found in (("valid", check, good),
                              ("decodeErrors", run.decode_error, table.get("decodeErrors", [])),
                              ("parseErrors", lambda case: run.parse_error(case, kind),
                               table.get("parseErrors", []))):
        for case in found:
            yield name(key, case), lambda check=check, case=case: check(case)


def outcome(job):
    name, check = job
    try:
        check()
        return None
    except Exception as e:
        return f"FAILED {name}\n{e}"


def run_all(program, tables):
    """What failed, and how many there were."""
    run = runner(program)
    jobs = [job for table in tables for job in jobs_of(table, run)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [text for text in pool.map(outcome, jobs) if text], len(jobs)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    files = sorted(pathlib.Path(sys.argv[2]).glob("*.json"))
    failed, count = run_all(sys.argv[1], [json.loads(f.read_text("utf-8")) for f in files])
    print(*failed, sep="\n")
    print(f"{count - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
