#include "cgroup/grouped_format.h"
#include "tests/fuzz/control_file_fuzz.h"

// The first byte chooses the parser of a file that an export group reads, the rest is its text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  if (size == 0) return 0;
  const std::uint8_t* const text = data + 1;
  const auto check = [&](auto parse) { return fuzz::check_parser(text, size - 1, parse); };
  const auto named = [](auto parse) {
    return [parse](std::string_view file) { return parse(file, "fuzz"); };
  };
  switch (data[0]) {
    case 's':
      return check(cgroup::parse_subsystems);
    case 'u':
      return check(named(cgroup::parse_percent_limit));
    case 'c':
      return check(named(cgroup::parse_id_list));
    case 'p':
      return check(cgroup::parse_partition);
    case 'm':
      return check(cgroup::parse_memory_stat_more);
    case 'n':
      return check(cgroup::parse_memory_numa_stat);
    case 'i':
      return check(cgroup::parse_io_cost);
    case 'l':
      return check(cgroup::parse_io_latency);
    case 'k':
      return check(cgroup::parse_io_prio_class);
    case 'q':
      return check(cgroup::parse_io_cost_qos);
    case 'o':
      return check(cgroup::parse_io_cost_model);
    case 'h':
      return check(named(cgroup::parse_hugetlb_events));
    case 'r':
      return check(named(cgroup::parse_rdma));
    case 'x':
      return check(named(cgroup::parse_misc));
    case 'y':
      return check(cgroup::parse_misc_max);
    case 'e':
      return check(named(cgroup::parse_misc_events));
    default: {
      const std::string_view name(reinterpret_cast<const char*>(text), size - 1);
      const std::string_view page = cgroup::hugetlb_size(name);
      fuzz::require(page.empty() || name.starts_with("hugetlb." + std::string(page) + "."),
                    "the size stands in the name");
      return 0;
    }
  }
}
