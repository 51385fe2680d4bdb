#include "agent/image_lists.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/text.h"

namespace cgwarden::agent {
namespace {

using Json = nlohmann::json;

// Ids become parts of paths.
bool is_id(const std::string& text) {
  return !text.empty() && text.size() <= 64 &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// An entry that is no object or has no id makes the whole list unbelievable.
Result<Json> parse_list(const std::string& json, const std::string& where) {
  Json list = Json::parse(json, nullptr, false);
  const bool good = list.is_array() && std::ranges::all_of(list, [](const Json& entry) {
                      return entry.is_object() && is_id(member_text(entry, "id"));
                    });
  if (!good) {
    return fail(Error::malformed("read", where, "it is not a list of containers/storage"));
  }
  return list;
}

}  // namespace

std::string member_text(const nlohmann::json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<std::vector<StoredImage>> parse_image_list(const std::string& json,
                                                  const std::string& where) {
  CGW_ASSIGN(const Json list, parse_list(json, where));
  std::vector<StoredImage> images;
  for (const auto& entry : list) {
    StoredImage image{
        .id = member_text(entry, "id"), .names = {}, .top_layer = member_text(entry, "layer")};
    if (!image.top_layer.empty() && !is_id(image.top_layer)) {
      return fail(Error::malformed("read", where, "a layer has no hexadecimal id"));
    }
    if (const auto names = entry.find("names"); names != entry.end() && names->is_array()) {
      for (const auto& name : *names) {
        if (name.is_string()) image.names.push_back(name.get<std::string>());
      }
    }
    images.push_back(std::move(image));
  }
  return images;
}

Result<std::map<std::string, StoredLayer>> parse_layer_list(const std::string& json,
                                                            const std::string& where) {
  CGW_ASSIGN(const Json list, parse_list(json, where));
  std::map<std::string, StoredLayer> layers;
  for (const auto& entry : list) {
    StoredLayer layer{.parent = member_text(entry, "parent"), .incomplete = false};
    const auto flags = entry.find("flags");
    layer.incomplete = flags != entry.end() && flags->is_object() &&
                       flags->contains("incomplete") && (*flags)["incomplete"] == true;
    layers[member_text(entry, "id")] = std::move(layer);
  }
  return layers;
}

Result<std::vector<std::string>> layer_chain(const std::map<std::string, StoredLayer>& layers,
                                             const std::string& top) {
  std::vector<std::string> chain;
  for (std::string id = top; !id.empty();) {
    const auto found = layers.find(id);
    if (found == layers.end() || found->second.incomplete || chain.size() >= layers.size()) {
      return fail(Error::malformed("read the layers of", printable(top),
                                   "the store is damaged; import the image again"));
    }
    chain.push_back(id);
    id = found->second.parent;
  }
  std::ranges::reverse(chain);
  return chain;
}

}  // namespace cgwarden::agent
