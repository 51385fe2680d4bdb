#include "launcher/json.h"

#include <nlohmann/json.hpp>

#include <set>
#include <vector>

#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::launcher {
namespace {

// Follows the parser: one set of keys per open object, by nesting level.
class KeyWatch {
 public:
  bool operator()(int depth, nlohmann::json::parse_event_t event, const nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      too_deep |= depth >= kJsonDepth;
      if (event == Event::object_start) open_.emplace_back();
    } else if (event == Event::object_end) {
      open_.pop_back();
    } else if (event == Event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!open_.back().insert(key).second && duplicate.empty()) duplicate = key;
    }
    return true;
  }
  bool too_deep = false;
  std::string duplicate;

 private:
  std::vector<std::set<std::string>> open_;
};

}  // namespace

Result<nlohmann::json> parse_json_object(const std::string& text, const std::string& operation,
                                         const std::string& where) {
  if (text.size() > limits::kStateFileBytes) {
    return fail(Error::invalid(operation, where, "it is too large"));
  }
  KeyWatch watch;
  auto parsed = nlohmann::json::parse(
      text,
      [&watch](int depth, nlohmann::json::parse_event_t event, const nlohmann::json& value) {
        return watch(depth, event, value);
      },
      false);
  if (parsed.is_discarded()) {
    return fail(Error::malformed(operation, where, "it is not valid JSON"));
  }
  if (watch.too_deep) return fail(Error::malformed(operation, where, "it is nested too deeply"));
  if (!watch.duplicate.empty()) {
    return fail(Error::malformed(operation, where,
                                 "the property " + printable(watch.duplicate) + " stands twice"));
  }
  if (!parsed.is_object()) {
    return fail(Error::malformed(operation, where, "it is not a JSON object"));
  }
  return parsed;
}

std::string dump(const nlohmann::json& document) {
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string dump_line(const nlohmann::json& document) { return dump(document) + "\n"; }

}  // namespace cgwarden::launcher
