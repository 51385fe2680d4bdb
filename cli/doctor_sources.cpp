#include "cli/doctor_sources.h"

#include "agent/event_sources.h"

namespace cgwarden::cli {
namespace {

DoctorFinding finding_of(const agent::PublishedSource& source) {
  const bool missing =
      source.state == agent::SourceState::limited || source.state == agent::SourceState::off;
  std::string detail = std::string(to_string(source.state)) + ": " + source.what;
  if (!source.why.empty()) detail += "; " + source.why;
  return {"hears " + source.name, missing ? DoctorLevel::limited : DoctorLevel::good,
          std::move(detail), missing ? source.costs : ""};
}

}  // namespace

std::vector<DoctorFinding> source_findings(const std::string& path) {
  const auto sources = agent::read_event_sources(path);
  if (!sources) {
    return {{"hears", DoctorLevel::limited, sources.error().sentence(),
             "what the agent listens to is not known"}};
  }
  std::vector<DoctorFinding> findings;
  findings.reserve(sources->size());
  for (const auto& source : *sources) findings.push_back(finding_of(source));
  return findings;
}

}  // namespace cgwarden::cli
