#include "diagnosis/report.h"
#include "diagnosis/same_cause.h"
#include "diagnosis/verdict.h"
#include "diagnosis/verdict_brief.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const std::string text(fuzz::text_of(data, size));
  const auto verdict = diagnosis::parse_verdict(text, "fuzz");
  const auto brief = diagnosis::parse_brief(text);
  if (!verdict) {
    fuzz::require_clean_error(verdict.error());
    return 0;
  }
  const std::string json = diagnosis::to_json(*verdict);
  const auto again = diagnosis::parse_verdict(json, "fuzz");
  fuzz::require(again.has_value(), "what was written can be read");
  fuzz::require(diagnosis::to_json(*again) == json, "and is the same");
  fuzz::require(verdict->when.wall == Usec{0} || !verdict->death ||
                    (brief && same_cause(cause_of(*brief), cause_of(*verdict))),
                "a part of it has the same cause");
  for (const char byte : diagnosis::report(*verdict, {*verdict}, {})) {
    fuzz::require(byte == '\n' || (static_cast<unsigned char>(byte) >= 0x20 && byte != 0x7F),
                  "a report cannot drive a terminal");
  }
  return 0;
}
