"""The table of README.md and the picture beside it, made of one record."""
import pathlib

import cases
import plot

HERE = pathlib.Path(__file__).resolve().parent
BEGIN, END = "<!-- The table: ./dev bench --page makes it. -->", "<!-- End of the table. -->"


def make(record):
    (HERE / "ratios.svg").write_text(plot.ratios(record["ratios"], cases.all_cases()))
    at = HERE / "README.md"
    before, _, rest = at.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    at.write_text(before + BEGIN + "\n\n" + "\n".join(lines(record)) + "\n\n" + END + after)


def lines(record):
    yield (f"Measured of {record['revision']} on {record['date']}: {record['processors']} x "
           f"{record['processor']}; medians of {record['rounds']} rounds of "
           f"{record['seconds']:g} s.")
    yield ""
    yield "| case | figure | measured | bar | |"
    yield "|---|---|---:|---:|---|"
    for case in cases.all_cases():
        for b in case.bars:
            if b.name in record["ratios"]:
                value = record["ratios"][b.name]
                yield (f"| `{case.name}` | {b.name} | {value:,} | {b.text} | "
                       f"{'met' if b.met(value) else 'missed'} |")
    for table in (rates(record), bson(record), in_memory(record)):
        yield ""
        yield from table


def rates(record):
    """Calls a second of everybody, for the cases in which all systems are compared."""
    compared = {c.name: record["cases"][c.name] for c in cases.all_cases()
                if "Asio alone" in record["cases"].get(c.name, {})
                and "calls_per_s" in record["cases"][c.name]["Asio alone"]}
    names = list(dict.fromkeys(name for found in compared.values() for name in found))
    yield "| calls/s | " + " | ".join(names) + " |"
    yield "|---|" + "---:|" * len(names)
    for case, found in compared.items():
        yield f"| `{case}` | " + " | ".join(
            f"{found[name]['calls_per_s']:,.0f}" if name in found else "" for name in names) + " |"


def bson(record):
    found = record["cases"].get("bson", {})
    rows, libraries = {}, dict.fromkeys(name.rpartition("/")[2] for name in found)
    for name, figures in found.items():
        what, _, library = name.rpartition("/")
        rows.setdefault(what.replace("/", " "), {})[library] = figures["ns"]
    yield "| BSON, ns | " + " | ".join(libraries) + " |"
    yield "|---|" + "---:|" * len(libraries)
    for what, row in rows.items():
        yield f"| {what} | " + " | ".join(
            f"{row[library]:,.0f}" if library in row else "" for library in libraries) + " |"


def in_memory(record):
    yield "| within one process | ns |"
    yield "|---|---:|"
    for name, figures in record["cases"].get("in-memory", {}).items():
        yield f"| {name.replace('/', ', ')} | {figures['ns']:,.0f} |"
