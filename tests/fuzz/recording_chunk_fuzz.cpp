#include <numeric>
#include <vector>

#include "base/limits.h"
#include "diagnosis/recording/chunk.h"
#include "tests/fuzz/fuzz_target.h"

// The first byte chooses: a chunk as it stands in a file, or ticks.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  using namespace cgwarden::diagnosis::recording;
  if (size == 0) return 0;
  const std::string_view bytes = fuzz::text_of(data + 1, size - 1);
  if ((data[0] & 1) != 0) {
    const auto ticks = decode_ticks(bytes);
    if (!ticks) {
      fuzz::require_clean_error(ticks.error());
      return 0;
    }
    fuzz::require(decode_ticks(encode_ticks(*ticks)) == *ticks, "ticks come back");
    return 0;
  }
  constexpr std::size_t kColumns = 100;
  ColumnMap columns(kColumns + 1, kNoColumn);
  std::iota(columns.begin() + 1, columns.end(), 0U);
  std::vector<std::uint32_t> numbers(kColumns);
  std::iota(numbers.begin(), numbers.end(), 1U);
  ChunkDecoder decoder;
  Block block;
  if (const Status decoded = decoder.decode(bytes, columns, kColumns, block); !decoded) {
    fuzz::require_clean_error(decoded.error());
    return 0;
  }
  fuzz::require(block.samples() >= 1 && block.samples() <= limits::kTicksPerCut, "a bounded chunk");
  ChunkEncoder encoder;
  const auto chunk = encoder.encode(block, numbers);
  fuzz::require(chunk.has_value(), "what was decoded can be encoded");
  Block again;
  fuzz::require(decoder.decode(*chunk, columns, kColumns, again).has_value(), "and decoded");
  fuzz::require(again == block, "and is the same");
  return 0;
}
