#include <array>

#include "launcher/oci_sections.h"

// "hooks" of config.json.
namespace cgwarden::launcher {
namespace {

using nlohmann::json;

struct HookKind {
  const char* name;
  std::vector<Hook> Hooks::* hooks;
};
constexpr std::array<HookKind, 6> kKinds{{{"prestart", &Hooks::prestart},
                                          {"createRuntime", &Hooks::create_runtime},
                                          {"createContainer", &Hooks::create_container},
                                          {"startContainer", &Hooks::start_container},
                                          {"poststart", &Hooks::poststart},
                                          {"poststop", &Hooks::poststop}}};

void read_hook(ObjectReader& reader, Hook& hook) {
  reader.require(reader.string("path", hook.path), "path");
  if (!hook.path.starts_with('/')) reader.complain("path", "must be an absolute path");
  reader.strings("args", hook.args);
  hook.empty_env = reader.strings("env", hook.env) && hook.env.empty();
  reader.integer("timeout", hook.timeout_sec);
  if (hook.timeout_sec == 0U) reader.complain("timeout", "must be more than 0 seconds");
}

}  // namespace

void read_hooks(ObjectReader& reader, Hooks& hooks) {
  for (const auto& [name, kind] : kKinds) reader.objects(name, hooks.*kind, read_hook);
}

json write_hooks(const Hooks& hooks) {
  json result = json::object();
  for (const auto& [name, kind] : kKinds) {
    for (const auto& hook : hooks.*kind) {
      json item{{"path", hook.path}};
      put_unless_empty(item, "args", hook.args);
      if (hook.empty_env || !hook.env.empty()) item["env"] = hook.env;
      put_if_given(item, "timeout", hook.timeout_sec);
      result[name].push_back(std::move(item));
    }
  }
  return result;
}

}  // namespace cgwarden::launcher
