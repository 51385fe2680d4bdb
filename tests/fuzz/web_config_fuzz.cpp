#include "policy/web_config.h"
#include "tests/fuzz/diagnostics.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const std::string_view text = fuzz::text_of(data, size);
  const auto loaded = policy::load_web_config(text, "/etc/fuzz.yml");
  if (!loaded) {
    fuzz::require_clean_diagnostics(loaded.error(), text);
    return 0;
  }
  for (const auto& [name, hash] : loaded->users) {
    fuzz::require(!name.empty() && name.find(':') == std::string::npos, "a user can log in");
    fuzz::require(policy::is_bcrypt_hash(hash), "a hash is one");
  }
  for (const auto& [name, value] : loaded->headers) {
    fuzz::require(value.find_first_of("\r\n") == std::string::npos, "a header is one line");
  }
  if (loaded->rate_limit) {
    fuzz::require(loaded->rate_limit->interval > Usec{0} && loaded->rate_limit->burst > 0,
                  "a rate limit lets something through");
  }
  if (loaded->tls) {
    fuzz::require(loaded->tls->certificate.given() && loaded->tls->key.given(),
                  "TLS has its certificate and key");
    fuzz::require(loaded->tls->min_version <= loaded->tls->max_version, "there is a version");
  }
  return 0;
}
