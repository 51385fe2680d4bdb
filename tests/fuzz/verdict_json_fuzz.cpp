#include "diagnosis/report.h"
#include "diagnosis/verdict.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const std::string text(fuzz::text_of(data, size));
  const auto verdict = diagnosis::parse_verdict(text, "fuzz");
  if (!verdict) {
    fuzz::require_clean_error(verdict.error());
    return 0;
  }
  const std::string json = diagnosis::to_json(*verdict);
  const auto again = diagnosis::parse_verdict(json, "fuzz");
  fuzz::require(again.has_value(), "what was written can be read");
  fuzz::require(diagnosis::to_json(*again) == json, "and is the same");
  for (const char byte : diagnosis::report(*verdict, {*verdict}, {})) {
    fuzz::require(byte == '\n' || (static_cast<unsigned char>(byte) >= 0x20 && byte != 0x7F),
                  "a report cannot drive a terminal");
  }
  return 0;
}
