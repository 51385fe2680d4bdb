// config.json, and its sections "process" and "linux.resources" alone: no input may crash, a
// refusal can be shown to a person, and what is accepted must be the same after being written and
// read again.
#include <string>
#include <vector>

#include "launcher/spec.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

void require_printable(const std::string& text) {
  for (const char byte : text) {
    cgwarden::fuzz::require(static_cast<unsigned char>(byte) >= 0x20 && byte != 0x7F,
                            "messages are printable");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden::launcher;
  const std::string text(cgwarden::fuzz::text_of(data, size));
  (void)parse_process(text, "fuzz");
  (void)parse_resources(text, "fuzz");
  std::vector<std::string> warnings;
  const auto spec = parse_config(text, "fuzz", &warnings);
  for (const auto& warning : warnings) require_printable(warning);
  if (!spec) {
    require_printable(spec.error().sentence());
    return 0;
  }
  const auto again = parse_config(to_config(*spec), "fuzz", &warnings);
  cgwarden::fuzz::require(again && *again == *spec, "reading what was written gives the same spec");
  cgwarden::fuzz::require(warnings.empty(), "what was written needs no warnings");
  return 0;
}
