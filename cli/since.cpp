#include "cli/since.h"

#include <ctime>

#include "base/text.h"
#include "policy/values.h"

namespace cgwarden::cli {

Result<Usec> parse_since(const std::string& text, Usec now, const std::string& option) {
  if (const auto ago = policy::parse_duration(text)) return *ago < now ? now - *ago : Usec{0};
  std::string wanted = text;
  if (wanted.ends_with(" UTC")) wanted.resize(wanted.size() - 4);
  for (const auto* form : {"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* end = ::strptime(wanted.c_str(), form, &parts);
    if (end == nullptr || *end != '\0') continue;
    const std::time_t seconds = ::timegm(&parts);
    if (seconds >= 0) return Usec(static_cast<std::uint64_t>(seconds) * 1000000U);
  }
  return fail(Error::invalid("use", option + " " + printable(text),
                             "write how long ago (10min) or when (2026-01-31 12:00:00, UTC)"));
}

}  // namespace cgwarden::cli
