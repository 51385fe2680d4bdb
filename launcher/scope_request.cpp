#include "launcher/scope_request.h"

#include <nlohmann/json.hpp>

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "launcher/json.h"

namespace cgwarden::launcher {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<ScopeVerb, std::string_view>, 3> kScopeVerbs{{
    {ScopeVerb::start, "start"},
    {ScopeVerb::stop, "stop"},
    {ScopeVerb::set, "set"},
}};
// The D-Bus type of each alternative of UnitValue.
constexpr std::array<std::string_view, 10> kTypes{"b", "i", "u",  "x",  "t",
                                                  "d", "s", "as", "au", "ay"};
static_assert(kTypes.size() == std::variant_size_v<UnitValue>);

Error malformed(const std::string& what) {
  return Error::malformed("parse", "the message of the scope program", what);
}

template <typename T>
bool fits(const json& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value.is_boolean();
  } else if constexpr (std::is_same_v<T, std::string>) {
    return value.is_string();
  } else if constexpr (std::is_same_v<T, double>) {
    return value.is_number();
  } else if constexpr (std::is_unsigned_v<T>) {
    return value.is_number_unsigned() &&
           value.get<std::uint64_t>() <= std::numeric_limits<T>::max();
  } else {
    if (value.is_number_unsigned()) {
      return value.get<std::uint64_t>() <=
             static_cast<std::uint64_t>(std::numeric_limits<T>::max());
    }
    return value.is_number_integer() && value.get<std::int64_t>() >= std::numeric_limits<T>::min();
  }
}

template <typename T>
std::optional<T> read(const json& value) {
  if (!fits<T>(value)) return std::nullopt;
  return value.get<T>();
}

template <typename T>
std::optional<std::vector<T>> read_array(const json& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<T> items;
  for (const json& item : value) {
    auto read_item = read<T>(item);
    if (!read_item) return std::nullopt;
    items.push_back(*std::move(read_item));
  }
  return items;
}

template <typename T>
std::optional<UnitValue> as_value(std::optional<T> value) {
  if (!value) return std::nullopt;
  return UnitValue(*std::move(value));
}

std::optional<UnitValue> read_value(std::string_view type, const json& value) {
  if (type == "b") return as_value(read<bool>(value));
  if (type == "i") return as_value(read<std::int32_t>(value));
  if (type == "u") return as_value(read<std::uint32_t>(value));
  if (type == "x") return as_value(read<std::int64_t>(value));
  if (type == "t") return as_value(read<std::uint64_t>(value));
  if (type == "d") return as_value(read<double>(value));
  if (type == "s") return as_value(read<std::string>(value));
  if (type == "as") return as_value(read_array<std::string>(value));
  if (type == "au") return as_value(read_array<std::uint32_t>(value));
  if (type == "ay") return as_value(read_array<std::uint8_t>(value));
  return std::nullopt;
}

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

Result<UnitProperty> read_property(const json& item) {
  if (!item.is_object() || !item.contains("value")) return fail(malformed("a bad property"));
  auto value = read_value(text_of(item, "type"), item["value"]);
  const std::string name = text_of(item, "name");
  if (!value || name.empty()) return fail(malformed("a bad property " + name));
  return UnitProperty{name, *std::move(value)};
}

Result<std::vector<UnitProperty>> read_properties(const json& document, const char* name) {
  std::vector<UnitProperty> properties;
  for (const json& item : document.value(name, json::array())) {
    CGW_ASSIGN(UnitProperty property, read_property(item));
    properties.push_back(std::move(property));
  }
  return properties;
}

json write_properties(const std::vector<UnitProperty>& properties) {
  json list = json::array();
  for (const UnitProperty& property : properties) {
    json item{{"name", property.name}, {"type", kTypes[property.value.index()]}};
    std::visit([&](const auto& value) { item["value"] = value; }, property.value);
    list.push_back(std::move(item));
  }
  return list;
}

}  // namespace

std::string to_json(const ScopeRequest& request) {
  json document;
  for (const auto& [verb, word] : kScopeVerbs) {
    if (verb == request.verb) document["verb"] = word;
  }
  document["user"] = request.user;
  document["unit"] = request.unit;
  document["slice"] = request.slice;
  document["description"] = request.description;
  document["pids"] = request.pids;
  document["properties"] = write_properties(request.properties);
  document["annotated"] = write_properties(request.annotated);
  return dump_line(document);
}

Result<ScopeRequest> parse_scope_request(const std::string& text) {
  CGW_ASSIGN(const json document, parse_json_object(text, "parse", "the request on stdin"));
  ScopeRequest request;
  bool known = false;
  for (const auto& [verb, word] : kScopeVerbs) {
    if (text_of(document, "verb") != word) continue;
    request.verb = verb;
    known = true;
  }
  request.unit = text_of(document, "unit");
  if (!known || request.unit.empty()) return fail(malformed("it needs a verb and a unit"));
  request.slice = text_of(document, "slice");
  request.description = text_of(document, "description");
  if (document.contains("user")) {
    const auto user = read<bool>(document["user"]);
    if (!user) return fail(malformed("user is true or false"));
    request.user = *user;
  }
  if (document.contains("pids")) {
    auto pids = read_array<std::uint32_t>(document["pids"]);
    if (!pids) return fail(malformed("pids are numbers"));
    request.pids = *std::move(pids);
  }
  CGW_ASSIGN(request.properties, read_properties(document, "properties"));
  CGW_ASSIGN(request.annotated, read_properties(document, "annotated"));
  return request;
}

std::string to_json(const ScopeAnswer& answer) {
  if (!answer.error.empty()) return dump_line(json{{"error", answer.error}});
  return dump_line(json{{"path", answer.path}});
}

Result<ScopeAnswer> parse_scope_answer(const std::string& text) {
  CGW_ASSIGN(const json document, parse_json_object(text, "read", "the answer of cgwarden-scope"));
  return ScopeAnswer{text_of(document, "path"), text_of(document, "error")};
}

}  // namespace cgwarden::launcher
