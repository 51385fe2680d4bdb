#include "agent/agent_config_file.h"

#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "policy/agent_config.h"

namespace cgwarden::agent {

Status read_config_file(const std::string& path, Options& options) {
  CGW_ASSIGN(const std::string yaml, read_file(path, limits::kYamlFileBytes));
  auto loaded = policy::load_agent_config(yaml, path);
  if (!loaded) {
    return fail(Error::invalid("load the configuration of the agent from", path,
                               "\n" + policy::render(loaded.error())));
  }
  if (loaded->listen) options.listen = *std::move(loaded->listen);
  options.intervals = loaded->intervals;
  options.collector = loaded->collector;
  options.discovery = std::move(loaded->discovery);
  options.export_groups = loaded->export_groups;
  options.web_page = loaded->web_page;
  options.recorder = loaded->recorder;
  options.enforcement = std::move(loaded->enforcement);
  if (!loaded->web_config.empty()) options.web_config = std::move(loaded->web_config);
  return {};
}

}  // namespace cgwarden::agent
