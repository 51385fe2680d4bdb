// The files and messages about networks: leases, requests, answers, and the rules made from them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "launcher/network_lease.h"
#include "launcher/network_ruleset.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden::launcher;
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto lease = parse_lease(text, "lease")) {
    const auto again = parse_lease(to_json(*lease), "lease");
    if (!again || *again != *lease) std::abort();
    // Nothing that is read may end a quoted name or add a statement.
    if (lease->network.mode == NetworkMode::bridge) {
      const std::string rules = ruleset(lease->network.bridge, {*lease});
      const std::string empty = ruleset("a", {});
      if (rules.size() <= empty.size() || rules.find(';') == std::string::npos) std::abort();
      if (lease->network.bridge.find_first_of("\"{};\n ") != std::string::npos) std::abort();
    }
  }
  if (const auto request = parse_network_request(text)) {
    const auto again = parse_network_request(to_json(*request));
    if (!again || *again != *request) std::abort();
  }
  if (const auto answer = parse_network_answer(text)) {
    if (!parse_network_answer(to_json(*answer))) std::abort();
  }
  return 0;
}
