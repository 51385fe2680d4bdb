#include "diagnosis/verdict_brief.h"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace cgwarden::diagnosis {
namespace {

bool tells_the_exit(const EvidenceItem& item) {
  return item.source == "waitid" || item.source == "systemd";
}

// Takes values by the two keys above them; of all others nothing is kept.
class BriefReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  [[nodiscard]] std::optional<Verdict> take() && {
    return has_class_ && verdict_.when.wall > Usec{0} ? std::optional(std::move(verdict_))
                                                      : std::nullopt;
  }

  bool key(string_t& name) override {
    (depth_ == 1 ? top_ : inner_) = name;
    return true;
  }
  bool string(string_t& text) override {
    if (depth_ == 1 && top_ == "class") {
      const auto known = verdict_class_from(text);
      has_class_ = known.has_value();
      verdict_.verdict = known.value_or(VerdictClass::unknown);
    } else if (depth_ == 1 && top_ == "workload") {
      verdict_.workload = text;
    } else if (depth_ == 2 && top_ == "limit" && verdict_.limit) {
      take_limit(text);
    } else if (depth_ == 2 && top_ == "actor" && verdict_.actor) {
      take_actor(text);
    } else if (depth_ == 3 && top_ == "evidence") {
      if (inner_ == "source") item_.source = text;
      if (inner_ == "quote") item_.quote = text;
    }
    return true;
  }
  bool number_unsigned(number_unsigned_t number) override {
    if (depth_ == 1 && top_ == "incarnation") verdict_.incarnation = static_cast<unsigned>(number);
    if (depth_ != 2 || (top_ != "from" && top_ != "when")) return true;
    TimePoint& time = top_ == "from" ? verdict_.from : verdict_.when;
    (inner_ == "wall_usec" ? time.wall : time.boottime) = Usec(number);
    return true;
  }
  bool start_object(std::size_t /*elements*/) override {
    if (depth_ == 1 && top_ == "limit") verdict_.limit.emplace();
    if (depth_ == 1 && top_ == "actor") verdict_.actor.emplace();
    return deeper();
  }
  bool end_object() override {
    if (depth_ == 3 && top_ == "evidence") {
      if (tells_the_exit(item_)) verdict_.evidence.push_back(item_);
      item_ = {};
    }
    --depth_;
    return true;
  }
  bool start_array(std::size_t /*elements*/) override { return deeper(); }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool null() override { return true; }
  bool boolean(bool /*value*/) override { return true; }
  bool number_integer(number_integer_t /*value*/) override { return true; }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return true; }
  bool binary(binary_t& /*value*/) override { return true; }
  bool parse_error(std::size_t /*at*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    return false;
  }

 private:
  bool deeper() {
    constexpr int kDepth = 8;
    return ++depth_ <= kDepth;
  }
  void take_limit(const std::string& text) {
    if (inner_ == "cgroup") verdict_.limit->cgroup = text;
    if (inner_ == "file") verdict_.limit->file = text;
  }
  void take_actor(const std::string& text) {
    if (inner_ == "what") verdict_.actor->what = text;
    if (inner_ == "exe") verdict_.actor->exe = text;
  }

  Verdict verdict_;
  EvidenceItem item_;
  std::string top_;
  std::string inner_;
  int depth_ = 0;
  bool has_class_ = false;
};

}  // namespace

Verdict brief_of(const Verdict& verdict) {
  Verdict brief;
  brief.verdict = verdict.verdict;
  brief.workload = verdict.workload;
  brief.incarnation = verdict.incarnation;
  brief.from = verdict.from;
  brief.when = verdict.when;
  if (verdict.limit) {
    brief.limit = LimitHit{};
    brief.limit->cgroup = verdict.limit->cgroup;
    brief.limit->file = verdict.limit->file;
  }
  if (verdict.actor) {
    brief.actor = Actor{};
    brief.actor->what = verdict.actor->what;
    brief.actor->exe = verdict.actor->exe;
  }
  for (const EvidenceItem& item : verdict.evidence) {
    if (tells_the_exit(item)) brief.evidence.push_back({item.source, {}, item.quote});
  }
  return brief;
}

std::optional<Verdict> parse_brief(const std::string& json) {
  BriefReader reader;
  if (!nlohmann::json::sax_parse(json, &reader)) return std::nullopt;
  return std::move(reader).take();
}

}  // namespace cgwarden::diagnosis
