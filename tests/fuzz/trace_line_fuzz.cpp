#include "cgroup/trace_line.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const std::string_view text = fuzz::text_of(data, size);
  const auto event = cgroup::parse_trace_line(text);
  if (!event) {
    fuzz::require_clean_error(event.error());
  } else if (const auto* mark = std::get_if<cgroup::OomMark>(&*event)) {
    fuzz::require(mark->victim > 0, "a victim is a process");
    fuzz::require(mark->comm.size() <= 15, "a comm is short");
    fuzz::require(text.find(mark->comm) != std::string_view::npos, "a comm stands in the line");
  } else if (const auto* emptied = std::get_if<cgroup::CgroupEmptied>(&*event)) {
    fuzz::require(text.find(emptied->path) != std::string_view::npos, "a path stands in the line");
    fuzz::require(emptied->path.size() < 1023, "a path that was cut is none");
  }
  // However a text is cut into reads, its events are the same.
  cgroup::TraceLines whole;
  cgroup::TraceLines halves;
  const std::size_t events = whole.feed(text).size();
  const std::size_t half = size / 2;
  const std::size_t first = halves.feed(text.substr(0, half)).size();
  fuzz::require(first + halves.feed(text.substr(half)).size() == events, "reads do not matter");
  fuzz::require(halves.lost() == whole.lost(), "nor for what is lost");
  return 0;
}
