#!/usr/bin/python3
"""The include check must find what it is there to find."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from check_layers import read_table, violations

_TABLE = "base: \npolicy: base\nlauncher: base\nexporters: base\nagent: base;policy;exporters\n"


class CheckLayers(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name)
        for room in ("base", "policy", "launcher", "exporters", "agent"):
            self.write(f"{room}/{room}.h", "#pragma once\n#include <vector>\n")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def found(self) -> list[str]:
        return violations(read_table(_TABLE), self.root)

    def assert_only(self, *beginnings: str) -> None:
        found = self.found()
        self.assertEqual(len(found), len(beginnings), found)
        for sentence, beginning in zip(found, beginnings, strict=True):
            self.assertTrue(sentence.startswith(beginning), sentence)

    def test_a_tree_that_follows_the_table_is_clean(self) -> None:
        self.write("agent/a.cpp", '#include "agent/agent.h"\n#include "policy/policy.h"\n')
        self.write("policy/y.cpp", "#include <yaml-cpp/yaml.h>\n#include <fmt/format.h>\n")
        self.write("base/log.cpp", "#include <spdlog/spdlog.h>\n")
        self.write("exporters/http_x.cpp", "#include <microhttpd.h>\n")
        self.assertEqual(self.found(), [])

    def test_an_include_against_the_direction(self) -> None:
        self.write("policy/p.cpp", '#include "base/base.h"\n  #  include "agent/agent.h"\n')
        self.assert_only("policy/p.cpp:2: policy may not include agent")

    def test_siblings_do_not_see_each_other(self) -> None:
        self.write("exporters/deep/e.h", '#include "policy/policy.h"\n')
        self.assert_only("exporters/deep/e.h:1: exporters may not include policy")

    def test_third_party_headers_stay_at_home(self) -> None:
        self.write("agent/a.cpp", "#include <yaml-cpp/yaml.h>\n")
        self.write("base/a.h", "#include <fmt/core.h>\n")
        self.write("exporters/metrics.cpp", '#include "microhttpd.h"\n')
        self.write("policy/p.h", "#include <yaml-cpp/yaml.h>\n")
        self.assert_only(
            "base/a.h:1: <fmt/core.h> may be included only in *.cpp",
            "policy/p.h:1: <yaml-cpp/yaml.h> may be included only in policy/*.cpp",
            "exporters/metrics.cpp:1: <microhttpd.h> may",
            "agent/a.cpp:1: <yaml-cpp/yaml.h> may be included only in policy/*.cpp",
        )

    def test_the_launcher_does_not_log(self) -> None:
        self.write("base/log.h", "")
        self.write("launcher/l.cpp", '#include "base/log.h"\n')
        self.write("agent/l.cpp", '#include "base/log.h"\n')
        self.assert_only('launcher/l.cpp:1: "base/log.h" is not for launcher')

    def test_ours_is_named_from_the_root_and_quoted(self) -> None:
        self.write("agent/a.cpp", '#include "agent.h"\n#include <policy/policy.h>\n')
        self.assert_only(
            'agent/a.cpp:1: "agent.h" is not below a room',
            "agent/a.cpp:2: <policy/policy.h> is ours",
        )

    def test_an_empty_room_is_a_wrong_table(self) -> None:
        (self.root / "launcher/launcher.h").unlink()
        self.assert_only("launcher: no source file")

    def test_a_row_with_an_unknown_room_is_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "cgruop"):
            read_table("base: \nagent: base;cgruop\n")
        with self.assertRaises(ValueError):
            read_table("")


if __name__ == "__main__":
    unittest.main()
