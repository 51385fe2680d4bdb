#include "launcher/seccomp_rules.h"

#include <linux/seccomp.h>
#include <seccomp.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "launcher/seccomp_words.h"

namespace cgwarden::launcher {
namespace {

constexpr std::uint32_t kHighestErrno = 4094;    // libseccomp takes what is below MAX_ERRNO
constexpr std::uint32_t kHighestTrace = 0xFFFF;  // SECCOMP_RET_DATA
constexpr unsigned kArguments = 6;

std::unexpected<LaunchError> wrong(const std::string& property, const std::string& text) {
  return refused("seccomp", "linux.seccomp." + property + " " + text);
}

StepResult<std::uint32_t> action_of(const std::string& name,
                                    const std::optional<std::uint32_t>& errno_ret,
                                    const std::string& property,
                                    const std::string& errno_property) {
  const auto action = word_value(seccomp_actions(), name);
  if (!action) {
    return wrong(property, "\"" + name + "\" is not one of " + word_list(seccomp_actions()));
  }
  const bool takes_errno = *action == SECCOMP_RET_ERRNO || *action == SECCOMP_RET_TRACE;
  if (!takes_errno) {
    if (errno_ret) return wrong(errno_property, "has no meaning for " + name + ": remove it");
    return *action;
  }
  const std::uint32_t highest = *action == SECCOMP_RET_ERRNO ? kHighestErrno : kHighestTrace;
  const std::uint32_t value = errno_ret.value_or(EPERM);
  if (value > highest) {
    return wrong(errno_property, std::to_string(value) + " is above " + std::to_string(highest));
  }
  return *action | value;
}

StepResult<std::vector<CheckedArgument>> arguments_of(const SeccompRule& rule,
                                                      const std::string& property) {
  std::vector<CheckedArgument> args;
  for (std::size_t i = 0; i < rule.args.size(); ++i) {
    const SeccompArgument& arg = rule.args[i];
    const std::string here = property + ".args[" + std::to_string(i) + "]";
    const auto compare = word_value(seccomp_operators(), arg.op);
    if (!compare) {
      return wrong(here + ".op",
                   "\"" + arg.op + "\" is not one of " + word_list(seccomp_operators()));
    }
    if (arg.index >= kArguments) {
      return wrong(here + ".index", std::to_string(arg.index) + " is above 5");
    }
    args.push_back({arg.index, *compare, arg.value, arg.value_two});
  }
  return args;
}

StepResult<CheckedRule> check_rule(const SeccompRule& rule, const std::string& property) {
  CheckedRule checked{.rule = &rule, .action = 0, .args = {}};
  CGW_ASSIGN(checked.action,
             action_of(rule.action, rule.errno_ret, property + ".action", property + ".errnoRet"));
  CGW_ASSIGN(checked.args, arguments_of(rule, property));
  if (rule.names.empty()) return wrong(property + ".names", "is empty: name a system call");
  if (std::ranges::find(rule.names, "") != rule.names.end()) {
    return wrong(property + ".names", "has an empty name");
  }
  if (checked.action == SECCOMP_RET_USER_NOTIF &&
      std::ranges::find(rule.names, "write") != rule.names.end()) {
    return wrong(property,
                 "has SCMP_ACT_NOTIFY for write: the container would wait for its "
                 "listener before the listener can be handed over");
  }
  return checked;
}

// "SCMP_ARCH_X86_64" is "x86_64" to libseccomp.
StepResult<std::uint32_t> architecture_of(const std::string& word, const std::string& property) {
  constexpr std::string_view kPrefix = "SCMP_ARCH_";
  std::uint32_t token = 0;
  if (word.starts_with(kPrefix)) {
    std::string name = word.substr(kPrefix.size());
    const bool capitals = std::ranges::none_of(name, [](char c) { return c >= 'a' && c <= 'z'; });
    std::ranges::transform(name, name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (capitals) token = ::seccomp_arch_resolve_name(name.c_str());
  }
  if (token == 0) return wrong(property, "\"" + word + "\" is not known to libseccomp");
  return token;
}

StepResult<unsigned> flags_of(const Seccomp& config, bool notifies) {
  unsigned flags = config.flags ? 0U : unsigned{SECCOMP_FILTER_FLAG_SPEC_ALLOW};
  for (const auto& name : config.flags.value_or(std::vector<std::string>{})) {
    const auto flag = word_value(seccomp_flags(), name);
    if (!flag)
      return wrong("flags", "\"" + name + "\" is not one of " + word_list(seccomp_flags()));
    flags |= *flag;
  }
  if (!notifies) return flags & ~unsigned{SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV};
  flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
  // Both want the result of the call; with this one a thread that cannot follow is an errno.
  if ((flags & SECCOMP_FILTER_FLAG_TSYNC) != 0) flags |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
  return flags;
}

Step check_listener(const Seccomp& config, bool notifies) {
  if (!config.listener_path.empty()) return {};
  if (notifies) return wrong("listenerPath", "is missing: SCMP_ACT_NOTIFY needs it");
  if (!config.listener_metadata.empty()) {
    return wrong("listenerMetadata", "is set without listenerPath");
  }
  return {};
}

}  // namespace

StepResult<CheckedSeccomp> check_seccomp(const Seccomp& config) {
  CheckedSeccomp checked;
  CGW_ASSIGN(checked.default_action, action_of(config.default_action, config.default_errno_ret,
                                               "defaultAction", "defaultErrnoRet"));
  if (checked.default_action == SECCOMP_RET_USER_NOTIF) {
    return wrong("defaultAction",
                 "cannot be SCMP_ACT_NOTIFY: the container would wait for its "
                 "listener before the listener can be handed over");
  }
  for (std::size_t i = 0; i < config.architectures.size(); ++i) {
    CGW_ASSIGN(
        const std::uint32_t token,
        architecture_of(config.architectures[i], "architectures[" + std::to_string(i) + "]"));
    if (token != ::seccomp_arch_native()) checked.architectures.push_back(token);
  }
  bool notifies = false;
  for (std::size_t i = 0; i < config.syscalls.size(); ++i) {
    CGW_ASSIGN(CheckedRule rule,
               check_rule(config.syscalls[i], "syscalls[" + std::to_string(i) + "]"));
    notifies |= rule.action == SECCOMP_RET_USER_NOTIF;
    checked.rules.push_back(std::move(rule));
  }
  CGW_TRY(check_listener(config, notifies));
  CGW_ASSIGN(checked.flags, flags_of(config, notifies));
  return checked;
}

}  // namespace cgwarden::launcher
