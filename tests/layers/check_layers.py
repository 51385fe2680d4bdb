#!/usr/bin/python3
"""Checks every #include of the rooms against the dependency table that CMake wrote (layers.txt).

usage: check_layers.py LAYERS_TXT SOURCE_DIR

Prints FILE:LINE: sentence for each violation; exit code 1 when there is one.
"""

import fnmatch
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')

# Where a third-party header may be included: patterns over header names -> patterns over our files.
_HOMES = [
    ("yaml-cpp/*", ["policy/*.cpp"]),
    ("spdlog/*", ["base/log.cpp"]),
    ("systemd/sd-journal.h", ["base/log_journal.cpp"]),
    ("sdbus-c++/*", ["agent/*.cpp", "cli/agent_client.cpp", "launcher/scope_bus.cpp"]),
    ("prometheus/*", ["exporters/*.cpp"]),
    ("microhttpd.h", ["exporters/http*.cpp"]),
    ("gnutls/*", ["exporters/http_tls.cpp", "exporters/http_auth.cpp"]),
    ("crypt.h", ["exporters/http_auth.cpp"]),
    ("sqlite3.h", ["diagnosis/*.cpp"]),
    ("CLI/*", ["cli/*"]),
    ("nftables/*", ["launcher/network_nftables.cpp"]),
    ("netlink/*", ["launcher/network_libnl.h", "launcher/network_netlink.cpp", "launcher/network_move.cpp"]),
    ("curses.h", ["cli/top/curses_terminal.cpp"]),
    ("seccomp.h", ["launcher/*.cpp"]),
    ("bpf/*", ["cgroup/bpf/cgroup_iterator.cpp"]),
    ("fmt/*", ["*.cpp"]),
]

# Headers of an allowed room which a room must not see nevertheless, with the reason.
_FORBIDDEN = [
    ("launcher", "base/log.h", "the launcher's binaries are slim and do not link spdlog"),
    ("launcher", "base/log_journal.h", "the launcher's binaries are slim and do not link spdlog"),
]


def read_table(text: str) -> dict[str, set[str]]:
    """'room: a;b' lines -> room -> the rooms it may include (itself is always allowed)."""
    table = {}
    for line in text.splitlines():
        room, _, row = line.partition(":")
        table[room.strip()] = {name for name in re.split(r"[;\s]+", row.strip()) if name}
    for room, row in table.items():
        if unknown := row - table.keys():
            raise ValueError(f"row of {room} names rooms which are not built: {sorted(unknown)}")
    if not table:
        raise ValueError("the table is empty")
    return table


def _includes(path: Path) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if match := _INCLUDE.match(line):
            yield number, match[1], match[2]


def _complaint(file: str, quote: str, header: str, table: dict[str, set[str]]) -> str | None:
    room = file.split("/")[0]
    for homed, homes in _HOMES:
        if fnmatch.fnmatchcase(header, homed):
            if any(fnmatch.fnmatchcase(file, home) for home in homes):
                return None
            return f"<{header}> may be included only in {', '.join(homes)}"
    for forbidden_room, forbidden, reason in _FORBIDDEN:
        if room == forbidden_room and header == forbidden:
            return f'"{header}" is not for {room}: {reason}'
    target = header.split("/")[0] if "/" in header else None
    if target in table:
        if quote != '"':
            return f"<{header}> is ours: include it with quotes"
        if target != room and target not in table[room]:
            return f'{room} may not include {target} ("{header}"); see docs/architecture.md'
    elif quote == '"':
        return f'"{header}" is not below a room: name it from the root of the tree'
    return None


def violations(table: dict[str, set[str]], source: Path) -> list[str]:
    found = []
    for room in table:
        files = [path for ending in ("h", "cpp") for path in (source / room).rglob(f"*.{ending}")]
        if not files:
            found.append(f"{room}: no source file: the table and the tree disagree")
        for path in sorted(files):
            name = path.relative_to(source).as_posix()
            for number, quote, header in _includes(path):
                if complaint := _complaint(name, quote, header, table):
                    found.append(f"{name}:{number}: {complaint}")
    return found


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    found = violations(read_table(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
    print("\n".join(found) if found else "every include follows the table")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
