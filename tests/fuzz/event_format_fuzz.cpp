#include "cgroup/event_format.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const std::string_view text = fuzz::text_of(data, size);
  const auto format = cgroup::parse_event_format(text, "format");
  if (!format) {
    fuzz::require_clean_error(format.error());
    return 0;
  }
  fuzz::require(format->id > 0 && !format->fields.empty(), "an event has an id and fields");
  for (const auto& [name, field] : format->fields) {
    fuzz::require(text.find(name) != std::string_view::npos, "a name stands in the text");
    fuzz::require(field.offset + field.size <= 4096, "a field is within a page");
  }
  return 0;
}
