// The status line of an HTTP answer: whatever a server sends.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "launcher/http_status.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto status = cgwarden::launcher::http_status(text);
  if (status && (*status < 100 || *status > 999)) std::abort();
  return 0;
}
