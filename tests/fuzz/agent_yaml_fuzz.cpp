#include "base/listen_address.h"
#include "policy/agent_config.h"
#include "policy/match.h"
#include "tests/fuzz/diagnostics.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const std::string_view text = fuzz::text_of(data, size);
  const auto loaded = policy::load_agent_config(text, "/etc/fuzz.yaml");
  if (!loaded) {
    fuzz::require_clean_diagnostics(loaded.error(), text);
    return 0;
  }
  for (const auto& address : loaded->listen.value_or(std::vector<std::string>{})) {
    fuzz::require(parse_listen_address(address).has_value(), "an address can be listened on");
  }
  const auto& intervals = loaded->intervals;
  fuzz::require(intervals.tick >= Usec{100'000} && intervals.tick <= Usec{60'000'000},
                "the tick is in its range");
  for (const Usec tier : {intervals.medium, intervals.slow, intervals.limits}) {
    fuzz::require(tier >= intervals.tick, "no tier is faster than the tick");
  }
  for (const auto* globs : {&loaded->discovery.include, &loaded->discovery.exclude}) {
    for (const auto& glob : *globs) {
      fuzz::require(policy::glob_fault(glob).empty(), "globs are well formed");
    }
  }
  for (const auto group : cgroup::kAllFileGroups) {
    const bool named = text.find(to_string(group)) != std::string_view::npos;
    fuzz::require(named || !loaded->export_groups.has(group), "a group in force was asked for");
  }
  fuzz::require(loaded->web_config.empty() || loaded->web_config.starts_with('/'),
                "the web configuration has an absolute path");
  return 0;
}
