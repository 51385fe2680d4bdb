#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <ctime>

#include "base/text.h"
#include "policy/explain.h"

namespace cgwarden::policy {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kExplanationVersion = 1;

std::string on_one_line(std::string value) {
  std::ranges::replace(value, '\n', ';');
  return value;
}

std::string utc(Usec wall) {
  const auto seconds = static_cast<std::time_t>(wall.count() / 1'000'000U);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string_view word_of(SetBy set_by) {
  switch (set_by) {
    case SetBy::agent:
      return "agent";
    case SetBy::apply:
      return "apply";
    case SetBy::workload:
      return "workload";
    case SetBy::nobody:
      return "nobody";
    case SetBy::other:
      break;
  }
  return "other";
}

std::string setter_text(const KnobExplanation& knob) {
  const auto by_us = [&](const char* who) {
    return fmt::format("{} for policy {}, since {}; before that it was {}", who,
                       printable(knob.original->policy), utc(knob.original->since),
                       on_one_line(knob.original->original));
  };
  switch (knob.set_by) {
    case SetBy::agent:
      return by_us("the agent");
    case SetBy::apply:
      return by_us("cgwarden policy apply");
    case SetBy::workload:
      return "cgwarden, for the workload's own resources";
    case SetBy::nobody:
      return "nobody: the kernel begins with it";
    case SetBy::other:
      break;
  }
  if (!knob.original) return "not cgwarden";
  return fmt::format("somebody else, after policy {} had written {}; before that it was {}",
                     printable(knob.original->policy), on_one_line(knob.original->ours),
                     on_one_line(knob.original->original));
}

std::string claim_text(const Claim& claim) {
  std::string text = claim.loop            ? "found by its loop (adapt)"
                     : claim.value.empty() ? "not known here"
                                           : on_one_line(claim.value);
  text += fmt::format("   policy {}", printable(claim.policy));
  if (claim.position.line > 0) {
    text += fmt::format(" ({}:{})", printable(claim.position.file), claim.position.line);
  }
  if (claim.priority != 0) text += fmt::format(", priority {}", claim.priority);
  if (claim.mode == Mode::plan) text += ", mode plan";
  return text;
}

bool is_winner(const KnobExplanation& knob, const Claim& claim) {
  return knob.winner && knob.winner->policy == claim.policy;
}

std::string knob_text(const KnobExplanation& knob, const std::string& cgroup) {
  std::string text = fmt::format("  {:<16}  {}\n", knob.file, with_meaning(knob.file, knob.now));
  if (knob.effective && knob.effective->by != cgroup) {
    text += fmt::format("    effective  {} by {}\n", knob.effective->value,
                        printable(knob.effective->by));
  }
  text += fmt::format("    set by     {}\n", setter_text(knob));
  for (const Claim& claim : knob.claims) {
    text += fmt::format("    {}  {}\n", is_winner(knob, claim) ? "wins     " : "loses    ",
                        claim_text(claim));
  }
  if (!knob.pending.empty()) text += fmt::format("    pending    {}\n", printable(knob.pending));
  return text;
}

bool is_plain(const KnobExplanation& knob, const std::string& cgroup) {
  return knob.claims.empty() && !knob.original && knob.set_by == SetBy::nobody &&
         (!knob.effective || knob.effective->by == cgroup);
}

Json position_object(const SourcePosition& position) {
  return {{"file", position.file}, {"line", position.line}, {"column", position.column}};
}

Json claim_object(const Claim& claim) {
  return {{"policy", claim.policy},     {"position", position_object(claim.position)},
          {"priority", claim.priority}, {"mode", claim.mode == Mode::plan ? "plan" : "enforce"},
          {"value", claim.value},       {"loop", claim.loop}};
}

Json knob_object(const KnobExplanation& knob) {
  Json object{{"file", knob.file}, {"now", knob.now}, {"set_by", word_of(knob.set_by)}};
  if (knob.effective) {
    object["effective"] = {{"value", knob.effective->value}, {"by", knob.effective->by}};
  }
  object["winner"] = knob.winner ? claim_object(*knob.winner) : Json(nullptr);
  object["losers"] = Json::array();
  for (const Claim& claim : knob.claims) {
    if (!is_winner(knob, claim)) object["losers"].push_back(claim_object(claim));
  }
  if (knob.original) {
    object["original"] = {{"value", knob.original->original},
                          {"ours", knob.original->ours},
                          {"policy", knob.original->policy},
                          {"since_wall_usec", knob.original->since.count()}};
  }
  object["pending"] = knob.pending;
  return object;
}

}  // namespace

std::string render(const Explanation& explanation) {
  std::string text = fmt::format("{}\n  written by  {}\n", printable(explanation.cgroup),
                                 printable(explanation.owner));
  std::string plain;
  for (const KnobExplanation& knob : explanation.knobs) {
    if (is_plain(knob, explanation.cgroup)) {
      plain += (plain.empty() ? "" : ", ") + knob.file;
    } else {
      text += knob_text(knob, explanation.cgroup);
    }
  }
  if (!plain.empty()) text += fmt::format("  as the kernel begins, without a policy: {}\n", plain);
  return text;
}

std::string to_json(const Explanation& explanation) {
  Json knobs = Json::array();
  for (const KnobExplanation& knob : explanation.knobs) knobs.push_back(knob_object(knob));
  const Json document = {{"version", kExplanationVersion},
                         {"cgroup", explanation.cgroup},
                         {"id", explanation.id.value},
                         {"written_by", explanation.owner},
                         {"knobs", std::move(knobs)}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace cgwarden::policy
