#include "launcher/json.h"

#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "base/text.h"
#include "launcher/json_text.h"

namespace cgwarden::launcher {

Result<nlohmann::json> parse_json_object(const std::string& text, const std::string& operation,
                                         const std::string& where) {
  if (text.size() > limits::kStateFileBytes) {
    return fail(Error::invalid(operation, where, "it is too large"));
  }
  nlohmann::json parsed;
  const JsonText read = read_json(text, parsed);
  if (read.fault == JsonFault::malformed) {
    return fail(Error::malformed(operation, where, "it is not valid JSON"));
  }
  if (read.fault == JsonFault::too_deep) {
    return fail(Error::malformed(operation, where, "it is nested too deeply"));
  }
  if (read.fault == JsonFault::duplicate) {
    return fail(Error::malformed(operation, where,
                                 "the property " + printable(read.duplicate) + " stands twice"));
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
