#include <nlohmann/json.hpp>
#include <unistd.h>

#include "launcher/capabilities.h"
#include "launcher/memory_policy.h"
#include "launcher/mount_options.h"
#include "launcher/namespaces.h"
#include "launcher/oci/commands.h"
#include "launcher/seccomp_words.h"

namespace cgwarden::launcher::oci {
namespace {

using nlohmann::json;

json namespace_names() {
  json names = json::array();
  for (const auto type : kNamespaceTypes) names.push_back(namespace_name(type));
  return names;
}

// Those of libseccomp 2.5.4.
json architectures() {
  return {"SCMP_ARCH_X86",     "SCMP_ARCH_X86_64",   "SCMP_ARCH_X32",         "SCMP_ARCH_ARM",
          "SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",      "SCMP_ARCH_MIPS64N32",
          "SCMP_ARCH_MIPSEL",  "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",
          "SCMP_ARCH_PPC64",   "SCMP_ARCH_PPC64LE",  "SCMP_ARCH_S390",        "SCMP_ARCH_S390X",
          "SCMP_ARCH_PARISC",  "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64"};
}

template <typename Word>
json names_of(std::span<const Word> words) {
  json names = json::array();
  for (const auto& word : words) names.push_back(word.name);
  return names;
}

json seccomp() {
  return {{"enabled", true},
          {"actions", names_of(seccomp_actions())},
          {"operators", names_of(seccomp_operators())},
          {"archs", architectures()},
          {"knownFlags", names_of(seccomp_flags())},
          {"supportedFlags", names_of(seccomp_flags())}};
}

json linux_features() {
  return {
      {"namespaces", namespace_names()},
      {"capabilities", capability_names()},
      {"cgroup",
       {{"v1", false}, {"v2", true}, {"systemd", true}, {"systemdUser", true}, {"rdma", true}}},
      {"seccomp", seccomp()},
      {"apparmor", {{"enabled", true}}},
      {"selinux", {{"enabled", true}}},
      {"memoryPolicy",
       {{"modes", names_of(memory_policy_modes())}, {"flags", names_of(memory_policy_flags())}}},
      {"intelRdt", {{"enabled", false}}},
      {"mountExtensions", {{"idmap", {{"enabled", true}}}}},
      {"netDevices", {{"enabled", true}}}};
}

}  // namespace

// OCI runtime-spec features.md, features-linux.md.
Outcome<int> features(const Global& /*global*/, const Words& words) {
  bool help = false;
  const std::vector<Option> options{{"help", 'h', nullptr, "this text", into(help)}};
  CGW_ASSIGN(const Words positional, parse_options("features", words, options));
  if (help) return print_help("features", "Prints what this runtime supports as JSON.", options);
  if (!positional.empty()) return refuse("features takes no container id", kUsage);
  const json hooks = json::array(
      {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"});
  const json unsafe = json::array(
      {"io.github.cgwarden.init", "io.github.cgwarden.seccomp", "run.oci.keep_original_groups"});
  const json document{{"ociVersionMin", "1.0.0"},
                      {"ociVersionMax", "1.3.0"},
                      {"hooks", hooks},
                      {"mountOptions", mount_option_names()},
                      {"linux", linux_features()},
                      {"annotations", {{"io.github.cgwarden.version", CGWARDEN_VERSION}}},
                      {"potentiallyUnsafeConfigAnnotations", unsafe}};
  return print(document.dump(2) + "\n");
}

}  // namespace cgwarden::launcher::oci
