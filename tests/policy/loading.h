#pragma once

#include <gtest/gtest.h>

#include <string>

#include "policy/policy.h"
#include "policy/workload.h"

namespace cgwarden::policy::testing {

// A policy document with the lines given, which begin in line 5.
inline std::string policy_text(const std::string& lines) {
  return "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: p}\nmatch: {cgroups: [/a]}\n" +
         lines;
}
// A workload document with the lines given, which begin in line 6.
inline std::string workload_text(const std::string& lines) {
  return "apiVersion: cgwarden/v1\nkind: Workload\nmetadata: {name: web}\ncommand: [/bin/web]\n"
         "rootfs: /srv/web\n" +
         lines;
}

// The rendered errors of a text; empty when it has none.
inline std::string policy_errors(const std::string& text) {
  const auto loaded = load_policies(text, "p.yaml");
  return loaded ? "" : render(loaded.error());
}
inline std::string workload_errors(const std::string& text) {
  const auto loaded = load_workload(text, "w.yaml");
  return loaded ? "" : render(loaded.error());
}

// The policy of this name for a glob; its lines begin in line 6.
inline Policy policy_of(const std::string& name, const std::string& glob,
                        const std::string& lines) {
  auto loaded = load_policies("apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: " + name +
                                  "}\nmatch: {cgroups: " + glob + "}\npriority: 0\n" + lines,
                              name + ".yaml");
  EXPECT_TRUE(loaded) << render(loaded.error());
  return loaded->policies.at(0);
}

}  // namespace cgwarden::policy::testing
