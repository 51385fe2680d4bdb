#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cgwarden::launcher {

// What reading a document brought up. The document is refused when `fault` is not empty.
struct Findings {
  std::string fault;                  // the first one
  std::vector<std::string> warnings;  // sentences
};

// One JSON object being read property by property, with the property's full name in every
// complaint. null counts as absent and leaves the target as it was. What nobody reads is ignored.
class ObjectReader {
 public:
  // `path` is the object's full name ("linux.resources"), empty for the document. All three are
  // borrowed.
  ObjectReader(const nlohmann::json& object, std::string path, Findings& findings);

  // nullptr when the property is absent.
  [[nodiscard]] const nlohmann::json* find(const char* name) const;
  [[nodiscard]] bool has(const char* name) const { return find(name) != nullptr; }

  // A reader of a value inside this object, for each() and members().
  [[nodiscard]] ObjectReader element(const nlohmann::json& value, std::string path) const {
    return {value, std::move(path), findings_};
  }

  // Each returns whether the property stands there, well formed or not.
  bool string(const char* name, std::string& to);
  bool boolean(const char* name, bool& to);
  template <typename Integer>
  bool integer(const char* name, Integer& to) {
    const nlohmann::json* value = find(name);
    if (value != nullptr) read_integer(*value, name_of(name), to);
    return value != nullptr;
  }
  template <typename Integer>
  bool integer(const char* name, std::optional<Integer>& to) {
    Integer value{};
    const bool given = integer(name, value);
    if (given) to = value;
    return given;
  }
  bool strings(const char* name, std::vector<std::string>& to);
  bool string_map(const char* name, std::map<std::string, std::string>& to);

  // function(ObjectReader&) for the object `name`.
  template <typename Function>
  bool object(const char* name, const Function& function) {
    const nlohmann::json* value = find(name);
    if (value == nullptr) return false;
    ObjectReader reader = element(*value, name_of(name));
    function(reader);
    return true;
  }
  // function(json, full name) for each element of the array `name`.
  template <typename Function>
  bool each(const char* name, const Function& function) {
    const nlohmann::json* value = find(name);
    if (value == nullptr) return false;
    if (!value->is_array()) {
      complain(name, "must be an array");
      return true;
    }
    for (std::size_t i = 0; i < value->size(); ++i) {
      function((*value)[i], name_of(name) + "[" + std::to_string(i) + "]");
    }
    return true;
  }
  // function(ObjectReader&, Item&) for each object of the array `name`, into a new element of `to`.
  template <typename Item, typename Function>
  bool objects(const char* name, std::vector<Item>& to, const Function& function) {
    return each(name, [&](const nlohmann::json& value, const std::string& path) {
      ObjectReader reader = element(value, path);
      function(reader, to.emplace_back());
    });
  }
  // function(key, json, full name) for each member of the object `name`.
  template <typename Function>
  bool members(const char* name, const Function& function) {
    return object(name, [&](ObjectReader& map) {
      if (!map.object_.is_object()) return;
      for (const auto& [key, value] : map.object_.items()) {
        if (key.find('\0') != std::string::npos) {
          map.complain("", "has a name with a zero byte");
        } else if (!value.is_null()) {
          function(key, value, map.name_of(key));
        }
      }
    });
  }
  template <typename Integer>
  void read_integer(const nlohmann::json& value, const std::string& path, Integer& to) {
    if (value.is_number_unsigned() && std::in_range<Integer>(value.get<std::uint64_t>())) {
      to = static_cast<Integer>(value.get<std::uint64_t>());
    } else if (value.is_number_integer() && !value.is_number_unsigned() &&
               std::in_range<Integer>(value.get<std::int64_t>())) {
      to = static_cast<Integer>(value.get<std::int64_t>());
    } else {
      complain_at(path, "must be a whole number in range");
    }
  }
  void read_string(const nlohmann::json& value, const std::string& path, std::string& to);

  // Complains when `given` is false.
  void require(bool given, const char* name) {
    if (!given) complain(name, "is missing");
  }
  // Properties that the specification defines and that are not carried out: they may stand there
  // only if they ask for nothing (null, false, 0, -1, "", empty).
  void refuse(std::initializer_list<const char*> names);
  // The same with a warning instead of a complaint.
  void ignore(std::initializer_list<const char*> names, const char* why);

  void complain(const std::string& name, const std::string& what) {
    complain_at(name_of(name), what);
  }
  void complain_at(const std::string& path, const std::string& what);
  void warn(const std::string& name, const std::string& what);
  // The full name of a property of this object; of the object itself for "".
  [[nodiscard]] std::string name_of(const std::string& name) const;

 private:
  const nlohmann::json& object_;
  std::string path_;
  Findings& findings_;
};

}  // namespace cgwarden::launcher
