#include "cli/agent_client.h"

#include <sdbus-c++/sdbus-c++.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace cgwarden::cli {
namespace {

constexpr const char* kName = "io.github.cgwarden.Agent1";
constexpr const char* kPath = "/io/github/cgwarden/Agent1";
constexpr std::string_view kErrorPrefix = "io.github.cgwarden.Error.";
constexpr std::chrono::seconds kTimeout{10};
// The agent gives a launch 60 s itself; its own error must arrive before ours.
constexpr std::chrono::seconds kLaunchTimeout{75};

constexpr const char* kStartHint =
    "start one with 'systemctl start cgwarden' or, as root, 'cgwarden agent'";

using SummaryRow = sdbus::Struct<std::string, std::string, std::int32_t, std::uint32_t,
                                 std::uint64_t, std::uint64_t, std::string, std::string>;

// "NotPermitted" -> not_permitted.
ErrorKind kind_of(std::string_view name) {
  std::string word;
  for (const char c : name) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !word.empty()) word += '_';
    word += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  for (const auto kind :
       {ErrorKind::vanished, ErrorKind::not_permitted, ErrorKind::not_supported,
        ErrorKind::malformed, ErrorKind::invalid, ErrorKind::busy, ErrorKind::io}) {
    if (word == to_string(kind)) return kind;
  }
  return ErrorKind::io;
}

Error no_agent(const std::string& reason) {
  return Error{ErrorKind::not_supported, 0, "reach the agent", "",
               reason + "; " + std::string(kStartHint)};
}

Error from_agent(const sdbus::Error& error, std::string operation) {
  const std::string_view name = error.getName();
  if (name.starts_with(kErrorPrefix)) {
    // The agent's sentence is complete; taking "cannot" off lets Error::sentence() give it back.
    static constexpr std::string_view kCannot = "cannot ";
    std::string_view sentence = error.getMessage();
    if (sentence.starts_with(kCannot)) sentence.remove_prefix(kCannot.size());
    return Error{kind_of(name.substr(kErrorPrefix.size())), 0, std::string(sentence), "", ""};
  }
  if (name.ends_with(".ServiceUnknown") || name.ends_with(".NameHasNoOwner")) {
    return no_agent("no agent answers on the system bus");
  }
  if (name.ends_with(".AccessDenied")) {
    return Error{ErrorKind::not_permitted, 0, std::move(operation), "",
                 "the bus policy lets only root do this"};
  }
  if (name.ends_with(".NoReply") || name.ends_with(".Timeout") || name.ends_with(".TimedOut")) {
    return Error{ErrorKind::io, 0, std::move(operation), "", "the agent did not answer in time"};
  }
  if (name.ends_with(".Disconnected") || name.ends_with(".NotConnected")) {
    return Error{ErrorKind::io, 0, std::move(operation), "", "the connection to the bus broke"};
  }
  return Error{ErrorKind::io, 0, std::move(operation), "", printable(error.getMessage())};
}

std::optional<agent::WorkloadState> state_of(std::string_view word) {
  using enum agent::WorkloadState;
  for (const auto state : {starting, running, backoff, stopping, exited}) {
    if (word == agent::to_string(state)) return state;
  }
  return std::nullopt;
}

// D-Bus strings are UTF-8 without NUL; a bus daemon ends the connection of who sends others.
bool sendable(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = text.front() == '\0' ? 0 : utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

struct AgentClient::Impl {
  std::unique_ptr<sdbus::IConnection> connection;
  std::unique_ptr<sdbus::IProxy> proxy;
};

AgentClient::AgentClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AgentClient::AgentClient(AgentClient&&) noexcept = default;
AgentClient& AgentClient::operator=(AgentClient&&) noexcept = default;
AgentClient::~AgentClient() = default;

Result<AgentClient> AgentClient::connect() {
  auto impl = std::make_unique<Impl>();
  try {
    impl->connection = sdbus::createSystemBusConnection();
    impl->proxy = sdbus::createProxy(*impl->connection, kName, kPath);
  } catch (const sdbus::Error&) {
    return fail(no_agent("there is no system bus here, over which an agent would answer"));
  }
  return AgentClient(std::move(impl));
}

Result<std::vector<agent::WorkloadSummary>> AgentClient::list() const {
  std::vector<SummaryRow> table;
  try {
    impl_->proxy->callMethod("List").onInterface(kName).withTimeout(kTimeout).storeResultsTo(table);
  } catch (const sdbus::Error& error) {
    return fail(from_agent(error, "list the workloads"));
  }
  std::vector<agent::WorkloadSummary> list;
  for (const auto& row : table) {
    const auto state = state_of(row.get<1>());
    if (!state) {
      return fail(Error::malformed(
          "list the workloads", "",
          "the agent knows a state that this command does not: " + printable(row.get<1>())));
    }
    list.push_back({.name = row.get<0>(),
                    .state = *state,
                    .pid = row.get<2>(),
                    .incarnation = row.get<3>(),
                    .restarts = row.get<4>(),
                    .started_wall = Usec(row.get<5>()),
                    .cgroup = row.get<6>(),
                    .last_verdict = row.get<7>(),
                    .upper = {}});
  }
  return list;
}

Status AgentClient::launch(const std::string& yaml, const std::string& origin) const {
  if (!sendable(yaml) || !sendable(origin)) {
    return fail(Error::invalid("launch", printable(origin), "it is not UTF-8 text"));
  }
  try {
    impl_->proxy->callMethod("Launch")
        .onInterface(kName)
        .withTimeout(kLaunchTimeout)
        .withArguments(yaml, origin);
  } catch (const sdbus::Error& error) {
    return fail(from_agent(error, "launch " + origin));
  }
  return {};
}

Status AgentClient::stop(const std::string& name, Usec timeout) const {
  if (!sendable(name)) {
    return fail(
        Error{ErrorKind::vanished, 0, "stop", printable(name), "there is no such workload"});
  }
  try {
    impl_->proxy->callMethod("Stop")
        .onInterface(kName)
        .withTimeout(timeout.count())
        .withArguments(name);
  } catch (const sdbus::Error& error) {
    return fail(from_agent(error, "stop " + name));
  }
  return {};
}

Status AgentClient::kill(const std::string& name, int signal) const {
  try {
    impl_->proxy->callMethod("Kill").onInterface(kName).withTimeout(kTimeout).withArguments(
        name, static_cast<std::int32_t>(signal));
  } catch (const sdbus::Error& error) {
    return fail(from_agent(error, "signal " + name));
  }
  return {};
}

Status AgentClient::pause(const std::string& name, bool paused) const {
  try {
    impl_->proxy->callMethod(paused ? "Pause" : "Resume")
        .onInterface(kName)
        .withTimeout(kTimeout)
        .withArguments(name);
  } catch (const sdbus::Error& error) {
    return fail(from_agent(error, (paused ? "pause " : "resume ") + name));
  }
  return {};
}

Status AgentClient::remove(const std::string& name, bool force) const {
  try {
    impl_->proxy->callMethod("Remove")
        .onInterface(kName)
        .withTimeout(kLaunchTimeout)
        .withArguments(name, force);
  } catch (const sdbus::Error& error) {
    return fail(from_agent(error, "remove " + name));
  }
  return {};
}

Result<std::string> AgentClient::inspect(const std::string& name) const {
  std::string document;
  try {
    impl_->proxy->callMethod("Inspect")
        .onInterface(kName)
        .withTimeout(kTimeout)
        .withArguments(name)
        .storeResultsTo(document);
  } catch (const sdbus::Error& error) {
    return fail(from_agent(error, "inspect " + name));
  }
  return document;
}

Status AgentClient::reload() const {
  try {
    impl_->proxy->callMethod("Reload").onInterface(kName).withTimeout(kTimeout);
  } catch (const sdbus::Error& error) {
    return fail(from_agent(error, "reload"));
  }
  return {};
}

}  // namespace cgwarden::cli
