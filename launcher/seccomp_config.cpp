#include "launcher/seccomp_config.h"

#include <linux/seccomp.h>
#include <seccomp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "launcher/seccomp_cache.h"
#include "launcher/seccomp_compact.h"
#include "launcher/seccomp_program.h"
#include "launcher/seccomp_rules.h"
#include "launcher/seccomp_table.h"

namespace cgwarden::launcher {
namespace {

// libseccomp up to 2.5.4 makes a wrong tree of an empty profile; below a few dozen rules a plain
// list is as fast.
constexpr std::size_t kRulesForTree = 32;

int new_call_number(const std::string& name) {
  for (const auto table : {allowed_new_syscalls(), other_new_syscalls()}) {
    for (const auto& call : table) {
      if (call.name == name) return call.number;
    }
  }
  return __NR_SCMP_ERROR;
}

StepResult<SeccompContext> new_context(const CheckedSeccomp& config) {
  SeccompContext context(::seccomp_init(config.default_action));
  if (!context) return refused("seccomp", "libseccomp cannot start");
  for (const std::uint32_t token : config.architectures) {
    const int result = ::seccomp_arch_add(context.get(), token);
    if (result == 0 || result == -EEXIST) continue;
    errno = -result;
    return failed("seccomp",
                  "an architecture of linux.seccomp.architectures cannot stand beside "
                  "the native one");
  }
  std::size_t names = 0;
  for (const auto& rule : config.rules) names += rule.rule->names.size();
  if (names > kRulesForTree) {
    const int result = ::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (result != 0) return rule_failed("a binary tree", result);
  }
  return context;
}

bool one_argument_twice(const std::vector<CheckedArgument>& args) {
  unsigned seen = 0;
  for (const auto& arg : args) {
    if ((seen >> arg.index & 1U) != 0) return true;
    seen |= 1U << arg.index;
  }
  return false;
}

// All comparisons of one rule must hold; but libseccomp takes one for each argument only, and
// profiles of the field rely on what runtimes then do: any of them is enough.
Step add_rule(const SeccompContext& context, const CheckedRule& rule, const std::string& name,
              int number) {
  std::vector<scmp_arg_cmp> comparisons;
  for (const auto& arg : rule.args) {
    comparisons.push_back({.arg = arg.index,
                           .op = static_cast<scmp_compare>(arg.compare),
                           .datum_a = arg.value,
                           .datum_b = arg.value_two});
  }
  const std::size_t step =
      one_argument_twice(rule.args) ? 1 : std::max<std::size_t>(comparisons.size(), 1);
  std::size_t at = 0;
  do {
    const std::size_t count = std::min(step, comparisons.size() - at);
    const int result =
        ::seccomp_rule_add_array(context.get(), rule.action, number, static_cast<unsigned>(count),
                                 count == 0 ? nullptr : comparisons.data() + at);
    // EEXIST: a broader rule is there already.
    if (result != 0 && result != -EEXIST) return rule_failed(name, result);
    at += step;
  } while (at < comparisons.size());
  return {};
}

using NewCallRules = std::map<int, std::uint32_t>;  // by number; the first rule of a call counts

Step add_rules(const SeccompContext& context, const CheckedSeccomp& config,
               NewCallRules& new_calls) {
  for (const auto& rule : config.rules) {
    for (const auto& name : rule.rule->names) {
      const int number = ::seccomp_syscall_resolve_name(name.c_str());
      if (number == __NR_SCMP_ERROR) {
        // Without conditions only: what stands before libseccomp's program compares numbers.
        const int new_number = new_call_number(name);
        if (new_number >= 0 && rule.args.empty()) new_calls.emplace(new_number, rule.action);
      } else if (rule.action != config.default_action) {
        CGW_TRY(add_rule(context, rule, name, number));
      }
    }
  }
  return {};
}

StepResult<std::vector<sock_filter>> compile(const CheckedSeccomp& config) {
  CGW_ASSIGN(const SeccompContext context, new_context(config));
  NewCallRules new_calls;
  CGW_TRY(add_rules(context, config, new_calls));
  CGW_ASSIGN(const std::vector<sock_filter> rules, export_program(context));

  std::vector<std::uint32_t> architectures = config.architectures;
  architectures.push_back(::seccomp_arch_native());
  std::vector<sock_filter> program;
  for (const std::uint32_t architecture : architectures) {
    const std::optional<int> highest = highest_named_call(architecture);
    if (!highest) continue;
    NewCalls calls{.architecture = architecture,
                   .highest_known = *highest,
                   .rules = {},
                   .others_are_enosys =
                       (config.default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO};
    for (const auto& [number, action] : new_calls) calls.rules.push_back({number, action});
    const auto front = new_calls_program(calls);
    program.insert(program.end(), front.begin(), front.end());
  }
  program.insert(program.end(), rules.begin(), rules.end());
  return program;
}

}  // namespace

StepResult<std::vector<sock_filter>> seccomp_source_program(const Seccomp& config) {
  CGW_ASSIGN(const CheckedSeccomp checked, check_seccomp(config));
  return compile(checked);
}

StepResult<SeccompFilter> compile_seccomp(const Seccomp& config,
                                          const std::string& cache_directory) {
  CGW_ASSIGN(const CheckedSeccomp checked, check_seccomp(config));
  SeccompFilter filter;
  filter.flags = checked.flags;
  const SeccompCache cache(cache_directory);
  const std::string key = cache_directory.empty() ? std::string() : seccomp_cache_key(config);
  if (auto kept = cache.find(key)) {
    filter.compiled = *std::move(kept);
  } else {
    CGW_ASSIGN(std::vector<sock_filter> program, compile(checked));
    filter.compiled = compact_program(std::move(program));
    cache.keep(key, filter.compiled);
  }
  filter.program = filter.compiled;
  return filter;
}

}  // namespace cgwarden::launcher
