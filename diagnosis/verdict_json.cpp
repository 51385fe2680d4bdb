#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/text.h"
#include "diagnosis/strict_json.h"
#include "diagnosis/verdict.h"

namespace cgwarden::diagnosis {
namespace {

using json::integer;
using json::Json;
using json::refuse;
using json::time_of;

Json actor_object(const Actor& actor) {
  Json object{{"what", actor.what}};
  if (actor.pid) object["pid"] = *actor.pid;
  if (!actor.exe.empty()) object["exe"] = actor.exe;
  if (!actor.cgroup.empty()) object["cgroup"] = actor.cgroup;
  if (actor.uid) object["uid"] = *actor.uid;
  if (actor.login_uid) object["login_uid"] = *actor.login_uid;
  return object;
}

Json victim_object(const Victim& victim) {
  Json object{{"pid", victim.pid}, {"comm", victim.comm}};
  if (victim.rss) object["rss_bytes"] = victim.rss->value;
  return object;
}

// A name that is not one of ours makes the document malformed rather than a default value.
template <typename T>
T one_of(const std::string& text, std::initializer_list<T> values) {
  for (const T value : values) {
    if (to_string(value) == text) return value;
  }
  refuse("unknown word \"" + text + "\"");
}

void read_optional_parts(const Json& object, Verdict& verdict) {
  if (const auto& actor = object.at("actor"); !actor.is_null()) {
    verdict.actor = Actor{std::nullopt, actor.at("what").get<std::string>()};
    if (actor.contains("pid")) verdict.actor->pid = integer<pid_t>(actor, "pid");
    verdict.actor->exe = actor.value("exe", std::string());
    verdict.actor->cgroup = actor.value("cgroup", std::string());
    if (actor.contains("uid")) verdict.actor->uid = integer<std::uint32_t>(actor, "uid");
    if (actor.contains("login_uid")) {
      verdict.actor->login_uid = integer<std::uint32_t>(actor, "login_uid");
    }
  }
  if (const auto& limit = object.at("limit"); !limit.is_null()) {
    verdict.limit =
        LimitHit{limit.at("cgroup").get<std::string>(), limit.at("file").get<std::string>(),
                 limit.at("value").get<std::string>()};
  }
  if (const auto& victim = object.at("victim"); !victim.is_null()) {
    verdict.victim =
        Victim{integer<pid_t>(victim, "pid"), victim.at("comm").get<std::string>(), {}};
    if (victim.contains("rss_bytes")) {
      verdict.victim->rss = Bytes{integer<std::uint64_t>(victim, "rss_bytes")};
    }
  }
}

Verdict verdict_of(const Json& object) {
  Verdict verdict;
  verdict.workload = object.at("workload").get<std::string>();
  verdict.incarnation = integer<unsigned>(object, "incarnation");
  const auto name = object.at("class").get<std::string>();
  const auto verdict_class = verdict_class_from(name);
  if (!verdict_class) refuse("unknown class \"" + name + "\"");
  verdict.verdict = *verdict_class;
  verdict.confidence =
      one_of(object.at("confidence").get<std::string>(),
             {Confidence::unknown, Confidence::likely, Confidence::strong, Confidence::proven});
  verdict.subject = one_of(object.at("subject").get<std::string>(),
                           {Subject::main, Subject::child, Subject::cgroup});
  verdict.death = object.at("death").get<bool>();
  verdict.from = time_of(object.at("from"));
  verdict.when = time_of(object.at("when"));
  verdict.over = object.value("over", false);
  verdict.answer = object.at("answer").get<std::string>();
  read_optional_parts(object, verdict);
  for (const auto& item : object.at("evidence")) {
    verdict.evidence.push_back({item.at("source").get<std::string>(),
                                item.at("reference").get<std::string>(),
                                item.at("quote").get<std::string>()});
  }
  object.at("ruled_out").get_to(verdict.ruled_out);
  object.at("contributing").get_to(verdict.contributing);
  object.at("evidence_lost").get_to(verdict.evidence_lost);
  object.at("advice").get_to(verdict.advice);
  verdict.stderr_tail = object.at("stderr_tail").get<std::string>();
  return verdict;
}

}  // namespace

std::string to_json(const Verdict& verdict) {
  Json object{{"version", kVerdictVersion},
              {"workload", verdict.workload},
              {"incarnation", verdict.incarnation},
              {"class", to_string(verdict.verdict)},
              {"confidence", to_string(verdict.confidence)},
              {"subject", to_string(verdict.subject)},
              {"death", verdict.death},
              {"from", json::to_object(verdict.from)},
              {"when", json::to_object(verdict.when)},
              {"answer", verdict.answer},
              {"actor", nullptr},
              {"limit", nullptr},
              {"victim", nullptr},
              {"evidence", Json::array()},
              {"ruled_out", verdict.ruled_out},
              {"contributing", verdict.contributing},
              {"evidence_lost", verdict.evidence_lost},
              {"advice", verdict.advice},
              {"stderr_tail", verdict.stderr_tail}};
  if (verdict.over) object["over"] = true;
  if (verdict.actor) object["actor"] = actor_object(*verdict.actor);
  if (verdict.limit) {
    object["limit"] = {{"cgroup", verdict.limit->cgroup},
                       {"file", verdict.limit->file},
                       {"value", verdict.limit->value}};
  }
  if (verdict.victim) object["victim"] = victim_object(*verdict.victim);
  for (const auto& item : verdict.evidence) {
    object["evidence"].push_back(
        {{"source", item.source}, {"reference", item.reference}, {"quote", item.quote}});
  }
  // Hostile names may hold bytes that are not UTF-8; they are replaced, never an exception.
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Verdict> parse_verdict(const std::string& text, const std::string& where) {
  if (text.size() > limits::kStateFileBytes) {
    return fail(Error::malformed("read", where, "it is too large for a verdict"));
  }
  try {
    const Json object = json::parse_strictly(text);
    if (integer<int>(object, "version") != kVerdictVersion) {
      return fail(Error::malformed("read", where, "it is of another version of cgwarden"));
    }
    return verdict_of(object);
  } catch (const Json::exception& error) {
    // The library quotes the input, which may be long and of any bytes.
    constexpr std::size_t kReasonBytes = 200;
    return fail(Error::malformed(
        "read", where, printable(std::string_view(error.what()).substr(0, kReasonBytes))));
  }
}

}  // namespace cgwarden::diagnosis
