// Workload documents: the root file system.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/limits.h"
#include "policy/workload_schema.h"

namespace cgwarden::policy {
namespace {

// What images have at most. The kernel takes 500 (OVL_MAX_STACK), before Linux 6.8 as many as have
// their descriptor numbers in 255 bytes.
constexpr std::size_t kLayers = 127;

// A relative path counts from the directory of the document's file.
std::string path_of(const std::string& text, Findings& findings) {
  const auto directory = std::filesystem::path(findings.source().position({}).file).parent_path();
  std::string path = (directory / text).lexically_normal().string();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

void read_rootfs(const Node& node, Workload& workload, Findings& findings) {
  const auto path = read_text(node, "rootfs", findings);
  if (!path) return;
  if (path->empty()) {
    findings.error(node.place, "rootfs is empty", "rootfs: /srv/images/web");
    return;
  }
  workload.rootfs = path_of(*path, findings);
}

void read_layers(const Node& node, Workload& workload, Findings& findings) {
  static constexpr const char* kExample =
      "layers: [/srv/layers/debian, /srv/layers/web], the lowest first";
  for (const auto& text : read_texts(node, "layers", kExample, findings)) {
    if (text.empty()) {
      findings.error(node.place, "a layer is empty", kExample);
      return;
    }
    std::string path = path_of(text, findings);
    if (std::ranges::find(workload.layers, path) != workload.layers.end()) {
      findings.error(node.place, fmt::format("the layer {} stands twice", path), "name it once");
      return;
    }
    workload.layers.push_back(std::move(path));
  }
  if (node.kind == NodeKind::sequence && node.children.empty()) {
    findings.error(node.place, "layers is an empty list", kExample);
  }
  if (workload.layers.size() > kLayers) {
    findings.error(node.place, fmt::format("a workload has at most {} layers", kLayers));
  }
}

// A word without a slash is the name of an imported image.
void read_image(const Node& node, Workload& workload, Findings& findings) {
  const auto text = read_text(node, "image", findings);
  if (!text) return;
  if (text->find('/') != std::string::npos) {
    workload.image = path_of(*text, findings);
  } else if (valid_name(*text)) {
    workload.image = *text;
  } else {
    report_fault(node, "image",
                 {"it is neither the name of an image nor, having no slash, a path",
                  "image: web; for a file beside this one: image: ./web.tar"},
                 findings);
  }
}

void read_upper(const Node& node, Workload& workload, Findings& findings) {
  if (workload.layers.empty() && workload.image.empty()) {
    findings.error(node.place, "upper is a key of layers and image: a rootfs is written to itself",
                   "use layers in place of rootfs");
  }
  const auto word = read_word(node, "upper", {"disk", "tmpfs"}, findings);
  workload.upper_in_memory = word == "tmpfs";
}

}  // namespace

void read_root(MapReader& document, Workload& workload, Findings& findings) {
  const Node* image = document.find("image");
  const Node* layers = document.find("layers");
  if (image != nullptr || layers != nullptr) {
    if (image != nullptr) read_image(*image, workload, findings);
    if (layers != nullptr) read_layers(*layers, workload, findings);
    const Node* other = image != nullptr ? layers : nullptr;
    if (other == nullptr) other = document.find("rootfs");
    if (other != nullptr) {
      findings.error(other->place, "rootfs, layers and image exclude each other", "remove one");
    }
  } else if (const Node* rootfs = document.require("rootfs", "rootfs: /srv/images/web")) {
    read_rootfs(*rootfs, workload, findings);
  }
  if (const Node* upper = document.find("upper")) read_upper(*upper, workload, findings);
  if (const Node* node = document.find("readonlyRootfs")) {
    workload.readonly_rootfs =
        read_value(*node, "readonlyRootfs", findings, parse_truth).value_or(false);
  }
}

}  // namespace cgwarden::policy
