#include "cli/yaml_text.h"

#include <nlohmann/json.hpp>

namespace cgwarden::cli {
namespace {

bool is_block(const nlohmann::ordered_json& value) {
  return (value.is_object() || value.is_array()) && !value.empty();
}

// Documents of ours are a handful of levels deep.
void write_block(const nlohmann::ordered_json& value, std::size_t indent, std::string& out) {
  const std::string margin(indent, ' ');
  // What stands before a value: the first line of a block in a list goes behind its dash.
  const auto write_value = [&](const nlohmann::ordered_json& inner, bool in_list) {
    if (!is_block(inner)) {
      out += " " + inner.dump() + "\n";
      return;
    }
    if (!in_list) {
      out += "\n";
      write_block(inner, indent + 2, out);
      return;
    }
    const std::size_t begin = out.size();
    write_block(inner, indent + 2, out);
    out.replace(begin, indent + 2, " ");
  };
  if (value.is_object()) {
    for (const auto& [key, inner] : value.items()) {
      out += margin + nlohmann::json(key).dump() + ":";
      write_value(inner, false);
    }
    return;
  }
  for (const auto& inner : value) {
    out += margin + "-";
    write_value(inner, true);
  }
}

}  // namespace

std::string yaml_text(const std::string& json) {
  const auto document = nlohmann::ordered_json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) return json;
  std::string out = "---\n";
  if (is_block(document)) {
    write_block(document, 0, out);
  } else {
    out += document.dump() + "\n";
  }
  return out;
}

}  // namespace cgwarden::cli
