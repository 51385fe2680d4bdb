#include "launcher/overlay_config.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace cgwarden::launcher {
namespace {

const std::string kLayers = "io.github.cgwarden.layers";
const std::string kWritable = "io.github.cgwarden.writable";

// JSON has no bytes: those of a path that are no UTF-8 are kept as the code points of their values.
std::string as_latin1(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80U) {
      text += c;
    } else {
      text += static_cast<char>(0xC0U | (byte >> 6U));
      text += static_cast<char>(0x80U | (byte & 0x3FU));
    }
  }
  return text;
}

// Reads what as_latin1 wrote; nullopt for a code point above 255.
std::optional<std::string> from_latin1(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80U) {
      bytes += text[i];
      continue;
    }
    if ((byte != 0xC2U && byte != 0xC3U) || i + 1 == text.size()) return std::nullopt;
    bytes +=
        static_cast<char>(((byte & 0x03U) << 6U) | (static_cast<unsigned char>(text[++i]) & 0x3FU));
  }
  return bytes;
}

Status read_layers(const std::string& text, Overlay& overlay) {
  const auto list = nlohmann::json::parse(text, nullptr, false);
  if (!list.is_array() || list.empty()) {
    return fail(Error::invalid("use the annotation", kLayers, "it is not a list of paths"));
  }
  for (const auto& entry : list) {
    const auto path = entry.is_string() ? from_latin1(entry.get<std::string>()) : std::nullopt;
    if (!path || !path->starts_with('/') || path->find('\0') != std::string::npos) {
      return fail(Error::invalid("use the annotation", kLayers, "a layer is not an absolute path"));
    }
    overlay.layers.push_back(*path);
  }
  return {};
}

}  // namespace

void annotate_overlay(Spec& spec) {
  if (!spec.overlay) return;
  nlohmann::json list = nlohmann::json::array();
  for (const auto& layer : spec.overlay->layers) list.push_back(as_latin1(layer));
  spec.annotations[kLayers] = list.dump();
  if (!spec.overlay->writable.empty()) {
    spec.annotations[kWritable] = as_latin1(spec.overlay->writable);
  }
}

Status read_overlay_annotations(Spec& spec) {
  const auto layers = spec.annotations.find(kLayers);
  if (layers == spec.annotations.end()) return {};
  Overlay overlay;
  CGW_TRY(read_layers(layers->second, overlay));
  if (const auto found = spec.annotations.find(kWritable); found != spec.annotations.end()) {
    const auto path = from_latin1(found->second);
    if (!path || !path->starts_with('/') || path->find('\0') != std::string::npos) {
      return fail(Error::invalid("use the annotation", kWritable, "it is not an absolute path"));
    }
    overlay.writable = *path;
  }
  spec.overlay = std::move(overlay);
  return {};
}

}  // namespace cgwarden::launcher
