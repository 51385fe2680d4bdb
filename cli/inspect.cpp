#include "agent/inspect.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "agent/verdict_history.h"
#include "agent/workload_view.h"
#include "base/text.h"
#include "cli/agent_client.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/local_time.h"
#include "cli/named_workload.h"
#include "cli/terminal.h"

namespace cgwarden::cli {
namespace {

using Json = nlohmann::json;
using Lines = std::vector<std::pair<std::string, std::string>>;

std::string value_text(const std::string& key, const Json& value) {
  if (value.is_string()) return printable(value.get<std::string>());
  if (value.is_number_unsigned() && key.ends_with("ed_usec")) {
    return wall_text(Usec(value.get<std::uint64_t>()));
  }
  return printable(value.dump());
}

// "restart.policy  always": nested members by their path.
void flatten(const Json& object, const std::string& prefix, Lines& lines) {
  for (const auto& [key, value] : object.items()) {
    if (value.is_object() && !value.empty()) {
      flatten(value, prefix + key + ".", lines);
    } else if (!value.empty() || value.is_primitive()) {
      lines.emplace_back(prefix + key, value_text(key, value));
    }
  }
}

Result<std::string> listing_of(const std::string& document) {
  Lines lines;
  try {
    flatten(Json::parse(document), "", lines);
  } catch (const Json::exception& error) {
    return fail(Error::malformed("read", "the agent's answer", error.what()));
  }
  std::size_t width = 0;
  for (const auto& [key, value] : lines) width = std::max(width, key.size());
  std::string text;
  for (const auto& [key, value] : lines) text += fmt::format("{:<{}}  {}\n", key, width, value);
  return text;
}

Result<std::string> document_of(const Common& common, const std::string& name) {
  const auto files = find_workload(common, name);
  if (!files) {
    if (files.error().kind != ErrorKind::not_permitted) return fail(files.error());
    CGW_ASSIGN(const auto client, AgentClient::connect());
    return client.inspect(name);
  }
  agent::WorkloadSummary summary = summary_of(*files);
  if (const auto tree = agent::open_tree(common.where.cgroup_root))
    add_kernel_state(*tree, summary);
  if (const auto history = agent::read_history(agent::store_path(common.where), name);
      history && !history->deaths.empty()) {
    summary.last_verdict = to_string(history->deaths.front().verdict);
  }
  return agent::inspect_json(summary, *files);
}

}  // namespace

int inspect(const Common& common, const std::string& name) {
  const auto document = document_of(common, name);
  if (!document) return failed_for(common, name, document.error());
  if (common.json) {
    print(*document + "\n");
    return kOk;
  }
  const auto text = listing_of(*document);
  if (!text) return failed(text.error());
  print(*text);
  return kOk;
}

}  // namespace cgwarden::cli
