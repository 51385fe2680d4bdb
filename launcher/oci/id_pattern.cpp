#include "launcher/oci/id_pattern.h"

#include <regex.h>

#include <array>

#include "base/text.h"
#include "launcher/oci/command_line.h"
#include "launcher/oci/container.h"
#include "launcher/oci/log.h"

namespace cgwarden::launcher::oci {
namespace {

class Pattern {
 public:
  explicit Pattern(const std::string& text)
      : error_(::regcomp(&compiled_, text.c_str(), REG_EXTENDED | REG_NOSUB)) {}
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  ~Pattern() {
    if (error_ == 0) ::regfree(&compiled_);
  }

  // "" when it is a regular expression.
  [[nodiscard]] std::string fault() const {
    if (error_ == 0) return {};
    std::array<char, 256> text{};
    ::regerror(error_, &compiled_, text.data(), text.size());
    return text.data();
  }
  [[nodiscard]] bool matches(const std::string& id) const {
    return ::regexec(&compiled_, id.c_str(), 0, nullptr, 0) == 0;
  }

 private:
  regex_t compiled_{};
  int error_;
};

}  // namespace

Outcome<std::vector<std::string>> ids_matching(const std::string& root,
                                               const std::string& pattern) {
  const Pattern wanted(pattern);
  if (const std::string fault = wanted.fault(); !fault.empty()) {
    return refuse("--regex: \"" + printable(pattern) + "\": " + fault, kUsage);
  }
  CGW_ASSIGN(std::vector<std::string> ids, container_ids(root));
  std::erase_if(ids, [&wanted](const std::string& id) { return !wanted.matches(id); });
  return ids;
}

int each_of(const std::vector<std::string>& ids,
            const std::function<Outcome<void>(const std::string& id)>& what) {
  int exit_code = 0;
  for (const auto& id : ids) {
    if (const auto done = what(id); !done) {
      log_error(done.error().text);
      exit_code = 1;
    }
  }
  return exit_code;
}

}  // namespace cgwarden::launcher::oci
