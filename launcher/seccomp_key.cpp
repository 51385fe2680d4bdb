#include <seccomp.h>

#include "launcher/seccomp_cache.h"

namespace cgwarden::launcher {
namespace {

// Changes with everything in seccomp_config.cpp, seccomp_program.cpp, seccomp_compact.cpp with what
// it stands on, and the tables of new calls that changes what a profile compiles to.
constexpr unsigned kCompilerVersion = 2;

// Each piece ends where it says: no two different profiles have one text.
class KeyText {
 public:
  void put(std::string_view word) {
    put(word.size());
    text_ += word;
  }
  void put(std::uint64_t number) { text_ += std::to_string(number) + ":"; }
  void put(const std::optional<std::uint32_t>& number) {
    put(std::uint64_t{number.has_value()});
    put(std::uint64_t{number.value_or(0)});
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace

std::string seccomp_cache_key(const Seccomp& config) {
  const scmp_version* library = ::seccomp_version();
  KeyText key;
  key.put(std::uint64_t{kCompilerVersion});
  for (const unsigned part : {library->major, library->minor, library->micro}) {
    key.put(std::uint64_t{part});
  }
  key.put(std::uint64_t{::seccomp_arch_native()});
  key.put(config.default_action);
  key.put(config.default_errno_ret);
  key.put(config.architectures.size());
  for (const auto& name : config.architectures) key.put(name);
  key.put(config.syscalls.size());
  for (const auto& rule : config.syscalls) {
    key.put(rule.names.size());
    for (const auto& name : rule.names) key.put(name);
    key.put(rule.action);
    key.put(rule.errno_ret);
    key.put(rule.args.size());
    for (const auto& arg : rule.args) {
      for (const std::uint64_t number : {std::uint64_t{arg.index}, arg.value, arg.value_two}) {
        key.put(number);
      }
      key.put(arg.op);
    }
  }
  return key.take();
}

}  // namespace cgwarden::launcher
