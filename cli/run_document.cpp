#include "cli/run_document.h"

#include <nlohmann/json.hpp>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/text.h"

namespace cgwarden::cli {
namespace {

using Json = nlohmann::json;

Error bad_option(const std::string& option, const std::string& value, const std::string& form) {
  return Error::invalid("use", option + " " + printable(value), "it has the form " + form);
}

Result<std::string> absolute(const std::string& path) {
  std::error_code error;
  const auto result = std::filesystem::absolute(path, error);
  if (error) return fail(Error::from_errno(error.value(), "find", path));
  const std::string text = result.lexically_normal().string();
  // "/srv/" and "/srv/." are "/srv"; the document takes only that.
  return text.size() > 1 && text.ends_with('/') ? text.substr(0, text.size() - 1) : text;
}

Result<Json> environment(const std::vector<std::string>& entries) {
  Json env = Json::object();
  for (const auto& entry : entries) {
    const std::size_t equals = entry.find('=');
    if (equals == 0) return fail(bad_option("--env", entry, "KEY=VALUE or KEY"));
    const std::string key = entry.substr(0, equals);
    if (equals != std::string::npos) {
      env[key] = entry.substr(equals + 1);
    } else if (const char* value = std::getenv(key.c_str())) {
      env[key] = value;
    }
  }
  return env;
}

Result<Json> mounts(const std::vector<std::string>& entries) {
  static constexpr const char* kForm = "SOURCE:DESTINATION[:ro]";
  Json list = Json::array();
  for (const auto& entry : entries) {
    const auto parts = split(entry, ':');
    const bool fits = (parts.size() == 2 || (parts.size() == 3 && parts[2] == "ro")) &&
                      !parts[0].empty() && !parts[1].empty();
    if (!fits) return fail(bad_option("--mount", entry, kForm));
    CGW_ASSIGN(const std::string source, absolute(std::string(parts[0])));
    list.push_back({{"source", source},
                    {"destination", std::string(parts[1])},
                    {"readonly", parts.size() == 3}});
  }
  return list;
}

Result<Json> user(const std::string& text) {
  const auto parts = split(text, ':');
  if (parts.size() > 2 || parts.front().empty() || parts.back().empty()) {
    return fail(bad_option("--user", text, "UID[:GID]"));
  }
  Json ids{{"uid", std::string(parts.front())}};
  if (parts.size() == 2) ids["gid"] = std::string(parts[1]);
  return ids;
}

Json resources(const RunOptions& options) {
  Json block = Json::object();
  if (!options.memory.empty()) block["memory"]["max"] = options.memory;
  if (!options.cpus.empty()) block["cpu"]["max"] = options.cpus;
  if (!options.pids.empty()) block["pids"]["max"] = options.pids;
  return block;
}

}  // namespace

Result<std::string> run_document(const RunOptions& options) {
  Json document{
      {"apiVersion", "cgwarden/v1"},
      {"kind", "Workload"},
      {"metadata",
       {{"name", options.name.empty() ? "run-" + std::to_string(::getpid()) : options.name}}}};
  if (!options.command.empty()) document["command"] = options.command;
  if (options.image.empty()) {
    CGW_ASSIGN(document["rootfs"], absolute(options.rootfs));
  } else if (options.image.find('/') == std::string::npos) {
    document["image"] = options.image;
  } else {
    CGW_ASSIGN(document["image"], absolute(options.image));
  }
  if (!options.env.empty()) {
    CGW_ASSIGN(document["env"], environment(options.env));
  }
  if (!options.mounts.empty()) {
    CGW_ASSIGN(document["mounts"], mounts(options.mounts));
  }
  if (!options.user.empty()) {
    CGW_ASSIGN(document["user"], user(options.user));
  }
  if (!options.cap_add.empty()) document["capabilities"]["add"] = options.cap_add;
  if (!options.cap_drop.empty()) document["capabilities"]["drop"] = options.cap_drop;
  if (!options.cwd.empty()) document["cwd"] = options.cwd;
  if (!options.hostname.empty()) document["hostname"] = options.hostname;
  if (!options.network.empty()) document["network"] = options.network;
  if (options.read_only) document["readonlyRootfs"] = true;
  if (options.no_init) document["init"] = false;
  const Json limits = resources(options);
  if (!limits.empty()) document["resources"] = limits;
  try {
    return document.dump();
  } catch (const Json::exception&) {
    return fail(Error::invalid("run", "the command", "its words must be UTF-8 text"));
  }
}

}  // namespace cgwarden::cli
