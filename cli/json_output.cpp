#include "cli/json_output.h"

#include <nlohmann/json.hpp>

#include <variant>

#include "diagnosis/restart_story.h"
#include "diagnosis/verdict.h"

namespace cgwarden::cli {
namespace {

using Json = nlohmann::json;

// Names of cgroups and processes need not be UTF-8; JSON must be.
std::string line(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json to_object(const agent::WorkloadSummary& summary) {
  Json object{{"name", summary.name},
              {"state", agent::state_word(summary)},
              {"incarnation", summary.incarnation},
              {"restarts", summary.restarts}};
  if (summary.pid > 0) object["pid"] = summary.pid;
  if (summary.started_wall.count() > 0) object["started_usec"] = summary.started_wall.count();
  if (!summary.cgroup.empty()) object["cgroup"] = summary.cgroup;
  if (!summary.last_verdict.empty()) object["last_verdict"] = summary.last_verdict;
  if (summary.upper) {
    object["upper_bytes"] = summary.upper->bytes.value;
    object["upper_inodes"] = summary.upper->inodes;
  }
  if (!summary.health.empty()) object["health"] = summary.health;
  return object;
}

Json to_object(const cgroup::Sample& sample) {
  Json object = Json::object();
  if (sample.memory_current) object["memory_current_bytes"] = sample.memory_current->value;
  if (sample.memory_max && !is_max(*sample.memory_max)) {
    object["memory_max_bytes"] = std::get<Bytes>(*sample.memory_max).value;
  }
  if (sample.cpu_stat) {
    const auto put = [&](const char* key, const cgroup::Count& count) {
      if (count) object[key] = *count;
    };
    put("cpu_usage_usec", sample.cpu_stat->usage_usec);
    put("nr_periods", sample.cpu_stat->nr_periods);
    put("nr_throttled", sample.cpu_stat->nr_throttled);
    put("throttled_usec", sample.cpu_stat->throttled_usec);
  }
  if (sample.pids_current) object["pids_current"] = *sample.pids_current;
  return object;
}

Json to_object(const policy::Write& write) {
  Json object{{"cgroup", write.cgroup},
              {"file", write.file},
              {"old", write.old_value},
              {"new", write.new_value},
              {"policy", write.policy},
              {"at", write.position.text()},
              {"mode", write.mode == policy::Mode::enforce ? "enforce" : "plan"},
              {"losers", write.losers}};
  if (write.through == policy::Through::systemd) object["through"] = "systemd";
  if (write.effective) {
    object["effective"] = {{"value", write.effective->value}, {"by", write.effective->by}};
  }
  return object;
}

// The document that diagnosis keeps in the store, as it is.
Json to_object(const diagnosis::Verdict& verdict) { return Json::parse(to_json(verdict)); }

Json to_object(const diagnosis::RestartStory& story) {
  using Trend = diagnosis::RestartStory::Trend;
  return {{"deaths", story.deaths},
          {"at_least", story.is_cut},
          {"verdict", diagnosis::to_string(story.verdict)},
          {"first_wall_usec", story.first_wall.count()},
          {"last_wall_usec", story.last_wall.count()},
          {"interval_usec", story.interval.count()},
          {"life_usec", story.life.count()},
          {"trend", story.trend == Trend::faster   ? "faster"
                    : story.trend == Trend::slower ? "slower"
                                                   : "steady"}};
}

}  // namespace

std::string ps_json(const std::vector<agent::WorkloadSummary>& list) {
  Json workloads = Json::array();
  for (const auto& summary : list) workloads.push_back(to_object(summary));
  return line({{"version", kJsonVersion}, {"workloads", std::move(workloads)}});
}

std::string why_json(const agent::WhyAnswer& answer, const std::optional<Around>& around) {
  Json document{{"version", kJsonVersion}, {"workload", answer.name}, {"verdict", nullptr}};
  if (answer.verdict) document["verdict"] = to_object(*answer.verdict);
  if (answer.running) {
    document["running"] = to_object(answer.running->summary);
    if (answer.running->payload) document["running"]["now"] = to_object(*answer.running->payload);
  }
  if (answer.story) document["restarts"] = to_object(*answer.story);
  if (around) document["around"] = Json::parse(around_json(*around));
  if (answer.unreadable > 0) document["unreadable"] = answer.unreadable;
  document["earlier"] = Json::array();
  for (const auto& older : answer.earlier) document["earlier"].push_back(to_object(older));
  return line(document);
}

std::string plan_json(const policy::Plan& plan) {
  Json document{{"version", kJsonVersion},
                {"writes", Json::array()},
                {"skips", Json::array()},
                {"warnings", Json::array()}};
  for (const auto& write : plan.writes) document["writes"].push_back(to_object(write));
  for (const auto& skip : plan.skips) {
    document["skips"].push_back({{"cgroup", skip.cgroup},
                                 {"file", skip.file},
                                 {"policy", skip.policy},
                                 {"at", skip.position.text()},
                                 {"reason", skip.reason},
                                 {"rule", skip.rule}});
  }
  for (const auto& warning : plan.warnings) {
    document["warnings"].push_back(
        {{"at", warning.position.text()}, {"message", warning.message}, {"rule", warning.rule}});
  }
  return line(document);
}

std::string images_json(const std::vector<agent::Image>& images) {
  Json list = Json::array();
  for (const auto& image : images) {
    list.push_back({{"id", image.id}, {"names", image.names}, {"layers", image.layers}});
  }
  return line({{"version", kJsonVersion}, {"images", std::move(list)}});
}

std::string doctor_json(const std::vector<DoctorFinding>& findings) {
  Json list = Json::array();
  for (const auto& finding : findings) {
    list.push_back({{"subject", finding.subject},
                    {"level", to_string(finding.level)},
                    {"detail", finding.detail},
                    {"cost", finding.cost}});
  }
  return line({{"version", kJsonVersion}, {"findings", std::move(list)}});
}

}  // namespace cgwarden::cli
