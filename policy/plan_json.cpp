#include <nlohmann/json.hpp>

#include "policy/lint_rules.h"
#include "policy/plan.h"

namespace cgwarden::policy {
namespace {

using Json = nlohmann::ordered_json;

// Of the format below: a member that changes or goes makes it 2.
constexpr int kVersion = 1;

Json to_object(const SourcePosition& position) {
  return {{"file", position.file}, {"line", position.line}, {"column", position.column}};
}

Json to_object(const Write& write) {
  Json object = {{"cgroup", write.cgroup},
                 {"id", write.id.value},
                 {"file", write.file},
                 {"old", write.old_value},
                 {"new", write.new_value},
                 {"policy", write.policy},
                 {"position", to_object(write.position)},
                 {"mode", write.mode == Mode::plan ? "plan" : "enforce"},
                 {"losers", write.losers}};
  if (write.through == Through::systemd) object["through"] = "systemd";
  if (write.step) object["step"] = true;
  if (write.effective) {
    object["effective"] = {{"value", write.effective->value}, {"by", write.effective->by}};
  }
  return object;
}

Json to_array(const std::vector<Write>& writes) {
  Json array = Json::array();
  for (const Write& write : writes) array.push_back(to_object(write));
  return array;
}

}  // namespace

std::string to_json(const Plan& plan) {
  Json skips = Json::array();
  for (const Skip& skip : plan.skips) {
    skips.push_back({{"cgroup", skip.cgroup},
                     {"file", skip.file},
                     {"policy", skip.policy},
                     {"position", to_object(skip.position)},
                     {"reason", skip.reason},
                     {"rule", skip.rule}});
  }
  Json warnings = Json::array();
  for (const Diagnostic& warning : plan.warnings) {
    warnings.push_back({{"position", to_object(warning.position)},
                        {"severity", to_string(warning.severity)},
                        {"message", warning.message},
                        {"rule", warning.rule}});
  }
  const Json document = {{"version", kVersion},
                         {"writes", to_array(plan.writes)},
                         {"later", to_array(plan.later)},
                         {"skips", std::move(skips)},
                         {"warnings", std::move(warnings)}};
  // A cgroup's name may be any bytes; JSON is UTF-8.
  return document.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace cgwarden::policy
