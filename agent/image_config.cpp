#include "agent/image_config.h"

#include <nlohmann/json.hpp>

namespace cgwarden::agent {
namespace {

using Json = nlohmann::json;

// null is what Go writes for an empty list.
Status read_texts(const Json& config, const char* name, const std::string& where,
                  std::vector<std::string>& out) {
  const auto found = config.find(name);
  if (found == config.end() || found->is_null()) return {};
  const Error wrong = Error::malformed(
      "read", where, std::string("config.") + name + " is not a list of texts without NUL");
  if (!found->is_array()) return fail(wrong);
  for (const auto& entry : *found) {
    if (!entry.is_string()) return fail(wrong);
    out.push_back(entry.get<std::string>());
    if (out.back().find('\0') != std::string::npos) return fail(wrong);
  }
  return {};
}

Status read_text(const Json& config, const char* name, const std::string& where, std::string& out) {
  const auto found = config.find(name);
  if (found == config.end() || found->is_null()) return {};
  if (found->is_string()) out = found->get<std::string>();
  if (!found->is_string() || out.find('\0') != std::string::npos) {
    return fail(Error::malformed("read", where, std::string("config.") + name + " is not a text"));
  }
  return {};
}

}  // namespace

Result<ImageConfig> parse_image_config(const std::string& json, const std::string& where) {
  const Json document = Json::parse(json, nullptr, false);
  if (!document.is_object()) {
    return fail(Error::malformed("read", where, "it is not the configuration of an image"));
  }
  ImageConfig result;
  const auto found = document.find("config");
  if (found == document.end() || found->is_null()) return result;
  if (!found->is_object()) {
    return fail(Error::malformed("read", where, "config is not an object"));
  }
  CGW_TRY(read_texts(*found, "Entrypoint", where, result.entrypoint));
  CGW_TRY(read_texts(*found, "Cmd", where, result.command));
  CGW_TRY(read_texts(*found, "Env", where, result.env));
  CGW_TRY(read_text(*found, "WorkingDir", where, result.working_dir));
  CGW_TRY(read_text(*found, "User", where, result.user));
  CGW_TRY(read_text(*found, "StopSignal", where, result.stop_signal));
  return result;
}

Status apply_image_config(const ImageConfig& config, policy::Workload& workload) {
  if (workload.command.empty()) {
    workload.command = config.entrypoint;
    const auto& arguments = workload.args.empty() ? config.command : workload.args;
    workload.command.insert(workload.command.end(), arguments.begin(), arguments.end());
  }
  if (workload.command.empty()) {
    return fail(Error::invalid("use the image", workload.image,
                               "it names no command to run; give one with command"));
  }
  for (const auto& entry : config.env) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) continue;  // as docker: no variable
    workload.env.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  if (!workload.has_cwd && config.working_dir.starts_with('/')) workload.cwd = config.working_dir;
  if (workload.stop_signal.empty()) workload.stop_signal = config.stop_signal;
  return {};
}

}  // namespace cgwarden::agent
