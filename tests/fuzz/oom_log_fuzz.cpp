// Lines as /dev/kmsg would give them, whoever wrote them.
#include "base/text.h"
#include "diagnosis/kmsg.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  diagnosis::OomLogReader reader;
  std::uint64_t lost = 0;
  for (const auto line : split(fuzz::text_of(data, size), '\n')) {
    const auto record = diagnosis::parse_kmsg_record(line);
    if (!record) continue;
    const auto kill = reader.feed(*record);
    fuzz::require(reader.lost_records() >= lost, "lost records are never found again");
    lost = reader.lost_records();
    if (!kill) continue;
    fuzz::require(record->from_kernel(), "only the kernel is believed");
    fuzz::require(kill->victim_pid > 0, "a kill has a victim");
    fuzz::require(kill->sequence == record->sequence, "a kill is its own line's");
    fuzz::require(!kill->lines.empty() && kill->lines.back() == record->text, "and quotes it last");
    fuzz::require(kill->lines.size() <= 5, "quotes are bounded");
    if (!kill->oom_memcg.empty()) {
      fuzz::require(kill->oom_memcg.front() == '/', "a limit's cgroup is a path");
      fuzz::require(kill->limit_inherited ? kill->task_memcg.empty()
                                          : kill->task_memcg.starts_with(kill->oom_memcg),
                    "its victim is below it, or one of a group whose lines name no cgroup");
    }
  }
  return 0;
}
