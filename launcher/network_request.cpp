#include "launcher/network_request.h"

#include <nlohmann/json.hpp>

#include <array>
#include <string_view>
#include <utility>

#include "launcher/beside_program.h"
#include "launcher/json.h"
#include "launcher/network_json.h"
#include "launcher/state.h"

namespace cgwarden::launcher {
namespace {

using nlohmann::json;

constexpr const char* kProgram = "cgwarden-network";

constexpr std::array<std::pair<NetworkVerb, std::string_view>, 4> kNetworkVerbs{{
    {NetworkVerb::add, "add"},
    {NetworkVerb::remove, "remove"},
    {NetworkVerb::sweep, "sweep"},
    {NetworkVerb::move, "move"},
}};

void read_verb(ObjectReader& reader, NetworkVerb& verb) {
  std::string word;
  reader.require(reader.string("verb", word), "verb");
  for (const auto& [known, name] : kNetworkVerbs) {
    if (name != word) continue;
    verb = known;
    return;
  }
  reader.complain("verb", "is not known");
}

}  // namespace

bool is_alive(const ProcessMark& process) {
  if (process.pid <= 0) return false;
  const auto now = process_start_time(process.pid);
  return now && *now == process.start_time;
}

std::string to_json(const NetworkRequest& request) {
  json document{{"name", request.name},
                {"holder", mark_json(request.holder)},
                {"inhabitant", mark_json(request.inhabitant)},
                {"networkNamespace", request.network_namespace},
                {"devices", request.devices}};
  for (const auto& [verb, word] : kNetworkVerbs) {
    if (verb == request.verb) document["verb"] = word;
  }
  if (request.verb != NetworkVerb::move) document["network"] = network_json(request.network);
  return dump_line(document);
}

Result<NetworkRequest> parse_network_request(const std::string& text) {
  CGW_ASSIGN(const json document, parse_json_object(text, "read", "the network request"));
  Findings findings;
  ObjectReader reader(document, "", findings);
  NetworkRequest request;
  read_verb(reader, request.verb);
  reader.require(reader.string("name", request.name), "name");
  read_mark(reader, "holder", request.holder);
  read_mark(reader, "inhabitant", request.inhabitant);
  reader.string("networkNamespace", request.network_namespace);
  reader.string_map("devices", request.devices);
  if (request.verb != NetworkVerb::move) {
    reader.require(
        reader.object("network", [&](ObjectReader& part) { read_network(part, request.network); }),
        "network");
  }
  if (findings.fault.empty()) return request;
  return fail(Error::malformed("read", "the network request", findings.fault));
}

std::string to_json(const NetworkAnswer& answer) {
  if (answer.error) {
    return dump_line(
        {{"error", {{"errno", answer.error->errno_value}, {"text", answer.error->text}}}});
  }
  return dump_line({{"address", answer.address},
                    {"gateway", answer.gateway},
                    {"interface", answer.interface},
                    {"nameservers", answer.nameservers},
                    {"broken", answer.broken}});
}

Result<NetworkAnswer> parse_network_answer(const std::string& text) {
  CGW_ASSIGN(const json document,
             parse_json_object(text, "read", "the answer of cgwarden-network"));
  Findings findings;
  ObjectReader reader(document, "", findings);
  NetworkAnswer answer;
  reader.object("error", [&](ObjectReader& part) {
    LaunchError error{"network", 0, ""};
    part.integer("errno", error.errno_value);
    part.require(part.string("text", error.text), "text");
    answer.error = std::move(error);
  });
  reader.string("address", answer.address);
  reader.string("gateway", answer.gateway);
  reader.string("interface", answer.interface);
  reader.strings("nameservers", answer.nameservers);
  reader.strings("broken", answer.broken);
  if (findings.fault.empty()) return answer;
  return fail(Error::malformed("read", "the answer of cgwarden-network", findings.fault));
}

StepResult<NetworkAnswer> ask_network(const NetworkRequest& request) {
  const auto text = run_beside(kProgram, to_json(request), "networks are made by this program");
  if (!text) return refused("network", text.error().sentence());
  if (text->empty()) {
    return refused("network", std::string(kProgram) +
                                  " ended without an answer; its libraries are in the packages "
                                  "libnftables1 and libnl-route-3-200");
  }
  auto answer = parse_network_answer(*text);
  if (!answer) return refused("network", answer.error().sentence());
  if (answer->error) return std::unexpected(*std::move(answer->error));
  return *std::move(answer);
}

}  // namespace cgwarden::launcher
