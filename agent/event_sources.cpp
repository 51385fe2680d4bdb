#include "agent/event_sources.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/file.h"

namespace cgwarden::agent {
namespace {

constexpr int kSourcesVersion = 1;
// A dozen rows of a few sentences.
constexpr std::size_t kSourcesBytes = 256U << 10U;

constexpr bool rows_are_in_order() {
  for (std::size_t at = 0; at < kEventSourceCount; ++at) {
    if (static_cast<std::size_t>(kEventSources.at(at).source) != at) return false;
  }
  return true;
}
static_assert(rows_are_in_order(), "row_of() finds a row by its place");

std::optional<SourceState> source_state_from(std::string_view word) {
  for (const auto state :
       {SourceState::live, SourceState::unused, SourceState::limited, SourceState::off}) {
    if (word == to_string(state)) return state;
  }
  return std::nullopt;
}

}  // namespace

const EventSourceRow& row_of(EventSource source) {
  return kEventSources.at(static_cast<std::size_t>(source));
}

std::string_view to_string(SourceState state) {
  switch (state) {
    case SourceState::live:
      return "live";
    case SourceState::unused:
      return "unused";
    case SourceState::limited:
      return "limited";
    case SourceState::off:
      return "off";
  }
  return "off";
}

SourceReport both(const SourceReport& one, const SourceReport& other) {
  if (other.state == SourceState::unused) return one;
  if (one.state == SourceState::unused) return other;
  const auto texts = {one.why, other.why};
  std::string why;
  for (const auto& text : texts) {
    if (!text.empty()) why += (why.empty() ? "" : "; ") + text;
  }
  return {std::max(one.state, other.state), why};
}

EventSources::EventSources(std::string path) : path_(std::move(path)) {
  reports_.fill({SourceState::off, "the agent has not opened it"});
}

void EventSources::set(EventSource source, SourceReport report) {
  SourceReport& known = reports_.at(static_cast<std::size_t>(source));
  if (known == report) return;
  known = std::move(report);
  changed_ = true;
}

const SourceReport& EventSources::of(EventSource source) const {
  return reports_.at(static_cast<std::size_t>(source));
}

Status EventSources::publish() {
  if (!changed_) return {};
  nlohmann::json rows = nlohmann::json::array();
  for (const auto& row : kEventSources) {
    const SourceReport& report = of(row.source);
    rows.push_back({{"source", row.name},
                    {"what", row.what},
                    {"state", to_string(report.state)},
                    {"why", report.why},
                    {"costs", row.costs}});
  }
  const std::string text =
      nlohmann::json{{"version", kSourcesVersion}, {"sources", std::move(rows)}}.dump(
          2, ' ', false, nlohmann::json::error_handler_t::replace);
  CGW_TRY(write_file_atomically(path_, text, 0640));
  changed_ = false;
  return {};
}

std::string event_sources_path(const std::string& runtime_dir) {
  return runtime_dir + "/sources.json";
}

Result<std::vector<PublishedSource>> read_event_sources(const std::string& path) {
  CGW_ASSIGN(const std::string text, read_file(path, kSourcesBytes));
  try {
    const auto document = nlohmann::json::parse(text);
    std::vector<PublishedSource> sources;
    if (document.at("version").get<int>() != kSourcesVersion) {
      return fail(Error::malformed("read", path, "it is of another version of cgwarden"));
    }
    for (const auto& row : document.at("sources")) {
      const auto state = source_state_from(row.at("state").get<std::string>());
      if (!state) return fail(Error::malformed("read", path, "a state that is not known"));
      sources.push_back({.name = row.at("source").get<std::string>(),
                         .what = row.at("what").get<std::string>(),
                         .state = *state,
                         .why = row.at("why").get<std::string>(),
                         .costs = row.at("costs").get<std::string>()});
    }
    return sources;
  } catch (const nlohmann::json::exception& error) {
    return fail(Error::malformed("read", path, error.what()));
  }
}

}  // namespace cgwarden::agent
