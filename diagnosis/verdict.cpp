#include "diagnosis/verdict.h"

#include <array>
#include <utility>

namespace cgwarden::diagnosis {
namespace {

constexpr std::array kNames{
    std::pair{VerdictClass::oom_own_limit, std::string_view("OOM_OWN_LIMIT")},
    std::pair{VerdictClass::oom_ancestor_limit, std::string_view("OOM_ANCESTOR_LIMIT")},
    std::pair{VerdictClass::oom_global, std::string_view("OOM_GLOBAL")},
    std::pair{VerdictClass::exited, std::string_view("EXITED")},
    std::pair{VerdictClass::killed_by_user, std::string_view("KILLED_BY_USER")},
    std::pair{VerdictClass::segfault, std::string_view("SEGFAULT")},
    std::pair{VerdictClass::illegal_instruction, std::string_view("ILLEGAL_INSTRUCTION")},
    std::pair{VerdictClass::arithmetic_fault, std::string_view("ARITHMETIC_FAULT")},
    std::pair{VerdictClass::bus_error, std::string_view("BUS_ERROR")},
    std::pair{VerdictClass::aborted, std::string_view("ABORTED")},
    std::pair{VerdictClass::seccomp_violation, std::string_view("SECCOMP_VIOLATION")},
    std::pair{VerdictClass::exec_failed, std::string_view("EXEC_FAILED")},
    std::pair{VerdictClass::stopped, std::string_view("STOPPED")},
    std::pair{VerdictClass::throttled, std::string_view("THROTTLED")},
    std::pair{VerdictClass::unknown, std::string_view("UNKNOWN")},
};

}  // namespace

std::string_view to_string(VerdictClass verdict) {
  for (const auto& [value, name] : kNames) {
    if (value == verdict) return name;
  }
  return "UNKNOWN";
}

std::optional<VerdictClass> verdict_class_from(std::string_view name) {
  for (const auto& [value, text] : kNames) {
    if (text == name) return value;
  }
  return std::nullopt;
}

const std::vector<VerdictClass>& all_verdict_classes() {
  static const std::vector<VerdictClass> classes = [] {
    std::vector<VerdictClass> all;
    for (const auto& [value, name] : kNames) all.push_back(value);
    return all;
  }();
  return classes;
}

std::string_view to_string(Confidence confidence) {
  switch (confidence) {
    case Confidence::unknown:
      return "unknown";
    case Confidence::likely:
      return "likely";
    case Confidence::strong:
      return "strong";
    case Confidence::proven:
      return "proven";
  }
  return "unknown";
}

std::string_view to_string(Subject subject) {
  switch (subject) {
    case Subject::main:
      return "main";
    case Subject::child:
      return "child";
    case Subject::cgroup:
      return "cgroup";
  }
  return "main";
}

}  // namespace cgwarden::diagnosis
