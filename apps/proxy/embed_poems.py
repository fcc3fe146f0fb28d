"""Writes poems as C++ initializers: embed_poems.py OUTPUT POEM..."""
import pathlib
import sys

output, *poems = map(pathlib.Path, sys.argv[1:])


def literal(text):
    return '"' + "".join(
        chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in text) + '"'


with output.open("w", encoding="ascii") as out:
    for poem in poems:
        lines = poem.read_bytes().splitlines(keepends=True)
        out.write(f"{{{literal(poem.stem.encode())},\n")
        out.writelines(f" {literal(line)}\n" for line in lines)
        out.write("},\n")
