#!/usr/bin/env python3
"""Every C++ block of a README stands, line by line, in a file that is compiled.

The blocks of README.md must be found in apps/examples/*.{hpp,cpp}; leading spaces do not count.
"""
import pathlib
import re
import sys

BLOCK = re.compile(r"^```cpp\n(.*?)^```", re.S | re.M)


def lines(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def contains(whole, part):
    return any(whole[i : i + len(part)] == part for i in range(len(whole) - len(part) + 1))


def strangers(page, sources):
    """The numbers of the lines of `page` where a block begins that stands in none of `sources`."""
    known = [lines(source) for source in sources]
    return [page[: m.start()].count("\n") + 1 for m in BLOCK.finditer(page)
            if not any(contains(source, lines(m.group(1))) for source in known)]


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    examples = root / "apps/examples"
    sources = [p.read_text() for p in sorted(examples.iterdir()) if p.suffix in (".hpp", ".cpp")]
    failed = 0
    count = 0
    for page in [root / "README.md", examples / "README.md"]:
        if not page.exists():
            continue
        text = page.read_text()
        count += len(BLOCK.findall(text))
        for number in strangers(text, sources):
            print(f"{page.relative_to(root)}:{number}: stands in no compiled example")
            failed = 1
    print(f"readme examples: {'failed' if failed else 'ok'}, {count} blocks")
    return failed


if __name__ == "__main__":
    sys.exit(main())
