#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "exporters/content_negotiation.h"

using namespace cgwarden::exporters;

// A form is given only to a client that named it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view header(reinterpret_cast<const char*>(data), size);
  std::string lower(header);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const bool names_open_metrics = lower.find("application/openmetrics-text") != std::string::npos;
  if (preferred_exposition(header) == Exposition::openmetrics_1_0_0 && !names_open_metrics) {
    std::abort();
  }
  const bool may_be_gzip =
      lower.find_first_of("*") != std::string::npos || lower.find("gzip") != std::string::npos;
  if (accepts_gzip(header) && !may_be_gzip) std::abort();
  return 0;
}
