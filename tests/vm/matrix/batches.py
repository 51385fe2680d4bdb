"""The order in which the scenarios are run, those of a batch at once."""

import dataclasses

from matrix import ends, hostile, memory, odd, stalls
from matrix.case import Case


@dataclasses.dataclass(frozen=True)
class Batch:
    name: str
    title: str
    cases: list[Case]
    around: str = ""  # of Run: what happens to the agent meanwhile


BATCHES = [
    Batch("exits", "Exits", ends.EXITS),
    Batch("faults", "Faults and limits of the process", ends.FAULTS),
    Batch("kills", "Kills", ends.KILLS),
    Batch("oom", "Out of memory", memory.FIRST),
    Batch("oom2", "Out of memory, with more to it", memory.SECOND),
    Batch("oom3", "Out of memory, inside", memory.THIRD),
    Batch("oom4", "Out of memory, in odd states", memory.FOURTH),
    Batch("stalls", "Stalls", stalls.FIRST),
    Batch("forged", "Forged evidence", hostile.FORGED),
    Batch("names", "Names that are hard to read", hostile.NAMES),
    Batch("units", "Units, which are nobody's workload", hostile.FOREIGN),
    Batch("outage", "While the agent is dead", hostile.OUTAGE, "without_agent"),
    Batch("crash", "While the agent hangs, and then dies", hostile.CRASH, "with_crash"),
    Batch("moved", "Main processes that were moved", odd.MOVED),
    Batch("groups", "Groups at different levels", odd.GROUPS),
    Batch("signals", "Signals and limits that look alike", odd.SIGNALS),
    Batch("swap", "Swap that is full", odd.SWAP),
    Batch("containers", "Containers that nobody has named", odd.CONTAINERS),
    Batch("deep", "Units, deep and moved", odd.UNITS),
    Batch("outage2", "While the agent is dead, elsewhere", odd.OUTAGE, "without_agent"),
    Batch("storms", "Kill storms", hostile.STORMS),
    Batch("flood", "A kernel log that is overwritten", hostile.FLOODED, "with_flood"),
    Batch("sysrq", "By hand", memory.MANUAL),
    Batch("sysrq2", "By hand, to all", odd.TO_ALL, "with_sysrq"),
    Batch("global", "The whole machine", memory.GLOBAL),
    # The last ones: they flood the kernel log.
    Batch("wedge", "Out of memory with nobody to kill", stalls.WEDGE),
    Batch("wedge2", "The same at a limit above", odd.WEDGE),
]
