#pragma once

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

// The two lists of a containers/storage directory, as JSON.
namespace cgwarden::agent {

struct StoredImage {
  std::string id;
  std::vector<std::string> names;  // "localhost/web:latest"
  std::string top_layer;           // empty: an image without files
};
// overlay-images/images.json. malformed for anything but a list of images with hexadecimal ids.
[[nodiscard]] Result<std::vector<StoredImage>> parse_image_list(const std::string& json,
                                                                const std::string& where);

struct StoredLayer {
  std::string parent;  // empty: the lowest
  bool incomplete = false;
};
// overlay-layers/layers.json, by id.
[[nodiscard]] Result<std::map<std::string, StoredLayer>> parse_layer_list(const std::string& json,
                                                                          const std::string& where);

// The ids from the lowest layer up to `top`. malformed for one that is missing, incomplete, or
// among its own parents.
[[nodiscard]] Result<std::vector<std::string>> layer_chain(
    const std::map<std::string, StoredLayer>& layers, const std::string& top);

// A member that is a text; empty when it is absent, null or of another type.
[[nodiscard]] std::string member_text(const nlohmann::json& object, const char* name);

}  // namespace cgwarden::agent
