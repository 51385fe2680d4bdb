// The first line of the input is the file, the second the wanted value, the rest the current text.
#include "cgroup/control_value.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  constexpr std::uint64_t kPage = 4096;
  const std::string_view text = fuzz::text_of(data, size);
  const std::size_t first = text.find('\n');
  if (first == std::string_view::npos) return 0;
  const std::size_t second = text.find('\n', first + 1);
  if (second == std::string_view::npos) return 0;
  const std::string file(text.substr(0, first));
  const std::string_view wanted = text.substr(first + 1, second - first - 1);
  const std::string_view current = text.substr(second + 1);
  const auto value = cgroup::resolve_value(file, wanted, current, kPage);
  if (!value) {
    fuzz::require(value.error().kind == ErrorKind::invalid, "a refused value is invalid");
    return 0;
  }
  fuzz::require(value->write.find('\n') == std::string::npos, "one write is one line");
  const auto again = cgroup::resolve_value(file, value->write, current, kPage);
  fuzz::require(
      again.has_value() && again->write == value->write && again->settled == value->settled,
      "what is written means what was wanted");
  const auto shown = cgroup::shown_value(file, wanted, current);
  const auto shown_again = cgroup::shown_value(file, value->write, current);
  fuzz::require(shown.has_value() == shown_again.has_value() && (!shown || *shown == *shown_again),
                "the canonical value looks at the same part of the file");
  return 0;
}
