#pragma once

#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace cgwarden::cli {

inline constexpr const char* kPolicyPlanHelp =
    "Show the writes that policies would make now; writes nothing";
inline constexpr const char* kPolicyPlanExample =
    "cgwarden policy plan policies.d\n  cgwarden policy plan --json";
inline constexpr const char* kPolicyApplyHelp = "Make the writes of policies once";
inline constexpr const char* kPolicyApplyExample = "cgwarden policy apply policies.d/web.yaml";
inline constexpr const char* kPolicyRevertHelp = "Give back what control files had before policies";
inline constexpr const char* kPolicyRevertExample =
    "cgwarden policy revert web\n  cgwarden policy revert --all";
inline constexpr const char* kPolicyExplainHelp =
    "Say why each limit of a cgroup is what it is, who set it, and what loops (adapt) decided last";
inline constexpr const char* kPolicyExplainExample =
    "cgwarden policy explain /system.slice/web.service\n  cgwarden policy explain";

void add_plan_options(CLI::App& command, bool& ignored);
void add_revert_options(CLI::App& command, RevertOptions& options);
void add_explain_options(CLI::App& command, ExplainOptions& options);

}  // namespace cgwarden::cli
