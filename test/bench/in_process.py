"""Cases within one process, by Google Benchmark."""
import dataclasses
import json
import pathlib
import subprocess
import sys

from bars import case
from programs import pinned


@dataclasses.dataclass
class in_process_case(case):
    """What a program of ../in_process tells: OPERATION/WHAT[/LIBRARY], in nanoseconds."""
    program: pathlib.Path

    columns = (("ns", "ns", ",.1f"),)

    def measure(self, rounds, seconds):
        if not self.program.exists():
            return {}
        print(f"{self.name}: {rounds} rounds", file=sys.stderr)
        # All benchmarks take turns, round by round.
        done = subprocess.run(
            pinned(-1, [self.program, "--benchmark_format=json",
                        f"--benchmark_repetitions={max(rounds, 2)}",
                        "--benchmark_enable_random_interleaving=true",
                        "--benchmark_report_aggregates_only=true",
                        f"--benchmark_min_time={0.05 * seconds}"]),
            check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        medians = [b for b in json.loads(done.stdout)["benchmarks"]
                   if b["aggregate_name"] == "median"]
        medians.sort(key=lambda b: b["family_index"])
        # What is compared stands together.
        groups = list(dict.fromkeys(group(b) for b in medians))
        medians.sort(key=lambda b: groups.index(group(b)))
        return {b["run_name"]: {"ns": nanoseconds(b)} for b in medians}


def group(b):
    return tuple(b["run_name"].split("/")[:2])


def nanoseconds(b):
    """Of one item where the benchmark counts such, else of one iteration."""
    return 1e9 / b["items_per_second"] if "items_per_second" in b else b["cpu_time"]
