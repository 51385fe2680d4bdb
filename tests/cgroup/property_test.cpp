// Laws every parser obeys, over random values and every truncation.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "cgroup/format.h"
#include "cgroup/grouped_format.h"
#include "tests/cgroup/facts.h"
#include "tests/cgroup/fixture_tree.h"

namespace cgwarden::cgroup {
namespace {

using testing::control_files;
using testing::Facts;
using testing::facts;

struct Parser {
  const char* file;
  std::function<Result<Facts>(std::string_view)> parse;
};

template <typename Parse>
Parser parser(const char* file, Parse parse) {
  return {file, [parse, file](std::string_view text) -> Result<Facts> {
            if constexpr (requires { parse(text, file); }) {
              CGW_ASSIGN(const auto value, parse(text, file));
              return facts(value);
            } else {
              CGW_ASSIGN(const auto value, parse(text));
              return facts(value);
            }
          }};
}

template <typename Parse>
std::function<Result<Facts>(std::string_view)> more_of(Parse parse) {
  return parser("", parse).parse;
}

const std::vector<Parser>& parsers() {
  static const std::vector<Parser> kParsers{
      parser("cpu.stat", parse_cpu_stat),
      parser("cpu.stat.local", parse_cpu_stat_local),
      parser("cpu.max", parse_cpu_max),
      parser("memory.stat", parse_memory_stat),
      parser("memory.events", parse_memory_events),
      parser("memory.events.local", parse_memory_events),
      parser("memory.swap.events", parse_swap_events),
      parser("io.stat", parse_io_stat),
      parser("io.max", parse_io_max),
      parser("io.weight", parse_io_weight),
      parser("pids.events", parse_pids_events),
      parser("pids.events.local", parse_pids_events),
      parser("cgroup.events", parse_cgroup_events),
      parser("cgroup.stat", parse_cgroup_stat),
      parser("cgroup.type", parse_cgroup_type),
      parser("cpu.pressure", parse_pressure),
      parser("memory.current", parse_number),
      parser("memory.swap.max", parse_limit),
      parser("cpu.idle", parse_flag),
      parser("cgroup.controllers", parse_list),
      parser("cpu.uclamp.min", parse_percent_limit),
      parser("cpuset.cpus", parse_id_list),
      parser("cpuset.cpus.partition", parse_partition),
      parser("memory.numa_stat", parse_memory_numa_stat),
      parser("io.latency", parse_io_latency),
      parser("io.prio.class", parse_io_prio_class),
      parser("io.cost.qos", parse_io_cost_qos),
      parser("io.cost.model", parse_io_cost_model),
      parser("hugetlb.2MB.events", parse_hugetlb_events),
      parser("rdma.current", parse_rdma),
      parser("rdma.max", parse_rdma),
      parser("misc.current", parse_misc),
      parser("misc.max", parse_misc_max),
      parser("misc.events", parse_misc_events),
      // Of files that have a parser above.
      {"memory.stat", more_of(parse_memory_stat_more)},
      {"io.stat", more_of(parse_io_cost)},
      {"cgroup.stat", more_of(parse_subsystems)},
  };
  return kParsers;
}

bool is_subset(const Facts& part, const Facts& whole) {
  for (const auto& [key, value] : part) {
    const auto at = whole.find(key);
    if (at == whole.end() || at->second != value) return false;
  }
  return true;
}

TEST(ParserLawTest, ATruncatedFileSaysLessButNothingElse) {
  for (const Parser& parser : parsers()) {
    const std::string& text = control_files().at(parser.file);
    const Facts whole = parser.parse(text).value();
    ASSERT_FALSE(whole.empty()) << parser.file;
    for (std::size_t length = 0; length < text.size(); ++length) {
      const auto part = parser.parse(std::string_view(text).substr(0, length));
      const bool whole_lines = length == 0 || text[length - 1] == '\n';
      if (!whole_lines) {
        EXPECT_FALSE(part.has_value()) << parser.file << " cut at " << length;
      } else if (part.has_value()) {
        EXPECT_TRUE(is_subset(*part, whole)) << parser.file << " cut at " << length;
      }
    }
  }
}

TEST(ParserLawTest, ADamagedByteNeverCrashesAndFailuresAreMalformed) {
  std::mt19937_64 random(20261124);
  for (const Parser& parser : parsers()) {
    const std::string& text = control_files().at(parser.file);
    for (int round = 0; round < 2000; ++round) {
      std::string damaged = text;
      damaged[random() % damaged.size()] = static_cast<char>(random());
      const auto value = parser.parse(damaged);
      if (!value) {
        EXPECT_EQ(value.error().kind, ErrorKind::malformed) << damaged;
      }
    }
  }
}

TEST(ParserLawTest, EveryLineTwiceIsRejected) {
  for (const Parser& parser : parsers()) {
    const std::string& text = control_files().at(parser.file);
    EXPECT_FALSE(parser.parse(text + text).has_value()) << parser.file;
  }
}

TEST(ParserLawTest, FlatFilesRoundTripRandomValues) {
  std::mt19937_64 random(7);
  for (const Parser& parser : parsers()) {
    const std::string name = parser.file;
    if (name != "cpu.stat" && name != "memory.stat" && name != "memory.events" &&
        name != "memory.swap.events" && name != "cgroup.stat") {
      continue;
    }
    const Facts keys = parser.parse(control_files().at(name)).value();
    for (int round = 0; round < 200; ++round) {
      Facts wanted;
      std::string text;
      for (const auto& [key, unused] : keys) {
        if (random() % 4 == 0) continue;  // absent keys stay absent
        wanted[key] = std::to_string(random() >> (random() % 64));
        text += key + " " + wanted[key] + "\n";
        if (random() % 4 == 0) text += "new_key_" + key + " max\n";
      }
      EXPECT_EQ(parser.parse(text).value(), wanted) << text;
    }
  }
}

TEST(ParserLawTest, PressureAndIoRoundTripRandomValues) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 500; ++round) {
    Pressure pressure;
    const auto percent = [&] { return static_cast<double>(random() % 10001) / 100; };
    pressure.some = PressureLine{percent(), percent(), percent(), random()};
    if (random() % 2 == 0) pressure.full = PressureLine{percent(), percent(), percent(), random()};
    std::string text;
    for (const char* key : {"some", "full"}) {
      const Facts f = facts(pressure);
      const std::string k = key;
      if (!f.contains(k + ".total")) continue;
      text += k + " avg10=" + f.at(k + ".avg10") + " avg60=" + f.at(k + ".avg60") +
              " avg300=" + f.at(k + ".avg300") + " total=" + f.at(k + ".total") + "\n";
    }
    EXPECT_EQ(facts(parse_pressure(text, "f").value()), facts(pressure)) << text;

    IoStat stat{static_cast<std::uint32_t>(random()),
                static_cast<std::uint32_t>(random()),
                random(),
                random(),
                random(),
                random(),
                random(),
                {}};
    std::string io = testing::device_key(stat) + " rbytes=" + std::to_string(*stat.rbytes) +
                     " wbytes=" + std::to_string(*stat.wbytes) +
                     " rios=" + std::to_string(*stat.rios) + " wios=" + std::to_string(*stat.wios) +
                     " dbytes=" + std::to_string(*stat.dbytes) + "\n";
    EXPECT_EQ(facts(parse_io_stat(io).value()), facts(std::vector{stat})) << io;
  }
}

}  // namespace
}  // namespace cgwarden::cgroup
