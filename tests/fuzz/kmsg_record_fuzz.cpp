#include "diagnosis/fault_log.h"
#include "diagnosis/kmsg.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const std::string_view text = fuzz::text_of(data, size);
  const auto record = diagnosis::parse_kmsg_record(text);
  if (!record) {
    fuzz::require_clean_error(record.error());
    return 0;
  }
  fuzz::require(text.find(';') != std::string_view::npos, "a record has a text");
  fuzz::require(text.starts_with(std::to_string(record->priority) + ",") || text.starts_with('0'),
                "the priority stands first");
  fuzz::require(record->text.size() < text.size(), "unescaping never grows a text");
  fuzz::require(record->from_kernel() == (record->priority < 8), "facility 0 is the kernel");
  if (const auto fault = diagnosis::parse_fault(*record)) {
    fuzz::require(record->from_kernel(), "no process writes a fault");
    fuzz::require(fault->thread > 0 && fault->line == record->text, "a fault is of a thread");
  }
  return 0;
}
