"""Writes the dashboards: `python3 dashboards/generate [DIRECTORY]`, without one beside this folder.

The JSON is what people import, so it is committed; a test compares it with what this gives.
"""

import json
import pathlib
import sys

import agent
import cgroup
import memory
import node
import policy
import restarts
import throttling

MODULES = (node, cgroup, throttling, memory, restarts, policy, agent)


def main(directory):
    for module in MODULES:
        text = json.dumps(module.dashboard(), indent=2) + "\n"
        (directory / module.FILE).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit("usage: python3 dashboards/generate [DIRECTORY]")
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) == 2 else pathlib.Path(__file__).parents[1])
