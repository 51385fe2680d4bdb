#include "launcher/object_reader.h"

#include "base/text.h"

namespace cgwarden::launcher {
namespace {

using nlohmann::json;

bool asks_for_nothing(const json& value) {
  if (value.is_structured()) return value.empty();
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  return value.is_null() || value == false || value == 0 || value == -1;
}

}  // namespace

ObjectReader::ObjectReader(const json& object, std::string path, Findings& findings)
    : object_(object), path_(std::move(path)), findings_(findings) {
  if (!object_.is_object()) complain("", "must be an object");
}

const json* ObjectReader::find(const char* name) const {
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

bool ObjectReader::string(const char* name, std::string& to) {
  const json* value = find(name);
  if (value != nullptr) read_string(*value, name_of(name), to);
  return value != nullptr;
}

bool ObjectReader::boolean(const char* name, bool& to) {
  const json* value = find(name);
  if (value == nullptr) return false;
  if (value->is_boolean()) {
    to = value->get<bool>();
  } else {
    complain(name, "must be true or false");
  }
  return true;
}

bool ObjectReader::strings(const char* name, std::vector<std::string>& to) {
  return each(name, [&](const json& value, const std::string& path) {
    read_string(value, path, to.emplace_back());
  });
}

bool ObjectReader::string_map(const char* name, std::map<std::string, std::string>& to) {
  return members(name, [&](const std::string& key, const json& value, const std::string& path) {
    read_string(value, path, to[key]);
  });
}

void ObjectReader::read_string(const json& value, const std::string& path, std::string& to) {
  if (!value.is_string()) return complain_at(path, "must be a string");
  to = value.get_ref<const std::string&>();
  if (to.find('\0') != std::string::npos) complain_at(path, "may not contain a zero byte");
}

void ObjectReader::refuse(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const json* value = find(name);
    if (value != nullptr && !asks_for_nothing(*value)) complain(name, "is not supported");
  }
}

void ObjectReader::ignore(std::initializer_list<const char*> names, const char* why) {
  for (const char* name : names) {
    const json* value = find(name);
    if (value != nullptr && !asks_for_nothing(*value))
      warn(name, std::string("is ignored: ") + why);
  }
}

void ObjectReader::complain_at(const std::string& path, const std::string& what) {
  if (findings_.fault.empty()) findings_.fault = printable(path + " " + what);
}

void ObjectReader::warn(const std::string& name, const std::string& what) {
  findings_.warnings.push_back(printable(name_of(name) + " " + what));
}

std::string ObjectReader::name_of(const std::string& name) const {
  if (path_.empty()) return name.empty() ? "the document" : name;
  return name.empty() ? path_ : path_ + "." + name;
}

}  // namespace cgwarden::launcher
