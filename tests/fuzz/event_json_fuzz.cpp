#include "diagnosis/event.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const std::string text(fuzz::text_of(data, size));
  const auto event = diagnosis::parse_event(text, "fuzz");
  if (!event) {
    fuzz::require_clean_error(event.error());
    return 0;
  }
  const std::string json = diagnosis::to_json(*event);
  const auto again = diagnosis::parse_event(json, "fuzz");
  fuzz::require(again.has_value(), "what was written can be read");
  fuzz::require(diagnosis::to_json(*again) == json, "and is the same");
  return 0;
}
