#include <numeric>

#include "base/limits.h"
#include "diagnosis/recording/ring.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

// A frame whose sum is right, so that what is inside it is read too: the first two bytes of each
// are its size.
std::string framed(std::string_view input) {
  using namespace cgwarden;
  const std::vector<cgroup::Field> fields{{"a", cgroup::FieldKind::counter},
                                          {"b", cgroup::FieldKind::gauge}};
  std::string bytes = diagnosis::recording::ring_header(1, "boot", fields);
  bytes.resize(diagnosis::recording::aligned(bytes.size()));
  while (input.size() > 2) {
    const std::size_t wanted = static_cast<unsigned char>(input[0]) |
                               static_cast<std::size_t>(static_cast<unsigned char>(input[1])) << 8U;
    const std::string_view frame = input.substr(2, wanted);
    input.remove_prefix(2 + frame.size());
    for (const std::uint32_t word :
         {static_cast<std::uint32_t>(frame.size()), diagnosis::recording::crc32_of(frame)}) {
      for (unsigned shift = 0; shift < 32; shift += 8) {
        bytes.push_back(static_cast<char>(word >> shift));
      }
    }
    bytes.append(frame);
    bytes.resize(diagnosis::recording::aligned(bytes.size()));
  }
  return bytes;
}

}  // namespace

// The first byte chooses: a whole file, or frames that are made right.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  using namespace cgwarden::diagnosis::recording;
  if (size == 0) return 0;
  const std::string_view input = fuzz::text_of(data + 1, size - 1);
  const std::string bytes = (data[0] & 1) != 0 ? framed(input) : std::string(input);
  const auto segment = RingSegment::read(bytes);
  if (!segment) {
    fuzz::require_clean_error(segment.error());
    return 0;
  }
  fuzz::require(segment->used() <= bytes.size() + 7, "it ends where the bytes end");
  fuzz::require(segment->ticks().size() <= limits::kTicksPerCut, "a bounded segment");
  ColumnMap columns(segment->fields().size());
  std::iota(columns.begin(), columns.end(), 0U);
  Block block;
  for (std::size_t i = 0; i < segment->streams(); ++i) {
    fuzz::require(segment->samples(i) > 0, "a stream has a sample");
    fuzz::require(segment->last_tick(i) < segment->ticks().size(), "in a tick that is there");
    if (const Status decoded = segment->decode(i, columns, columns.size(), block); !decoded) {
      fuzz::require_clean_error(decoded.error());
    }
  }
  return 0;
}
