#include <fmt/format.h>

#include <cstddef>
#include <string>

#include "diagnosis/audit/review.h"

namespace cgwarden::diagnosis::audit {
namespace {

constexpr std::size_t kShown = 8;

// Character devices 1:1 mem, 1:2 kmem and 1:4 port (the kernel's admin-guide/devices.txt).
bool is_memory(const DeviceNode& node) {
  return !node.block && node.major == 1 && (node.minor == 1 || node.minor == 2 || node.minor == 4);
}

class Names {
 public:
  void add(const DeviceNode& node) {
    if (++count_ > kShown) return;
    text_ +=
        fmt::format("{}{} ({}:{})", text_.empty() ? "" : ", ", node.path, node.major, node.minor);
  }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::string text() const {
    return count_ > kShown ? fmt::format("{} and {} more", text_, count_ - kShown) : text_;
  }

 private:
  std::string text_;
  std::size_t count_ = 0;
};

}  // namespace

void review_devices(Review& review) {
  const Posture& posture = review.posture();
  if (posture.shares(NamespaceType::mnt)) return;
  if (!posture.devices) {
    review.not_checked("devices", Severity::high, posture.devices.reason());
    return;
  }
  Names disks;
  Names memory;
  for (const DeviceNode& node : *posture.devices) {
    if (node.block) disks.add(node);
    if (is_memory(node)) memory.add(node);
  }
  const Severity severity = review.own_user_namespace() ? Severity::medium : Severity::high;
  static constexpr const char* kRemedy =
      "Give it the single devices that it needs (--device; OCI: linux.devices with a rule in "
      "linux.resources.devices).";
  if (!disks.empty()) {
    review.add({"host-block-device", severity, disks.text(), review.file("root/dev"),
                "Unless the device cgroup refuses, it reads and writes the host's disks past every "
                "permission.",
                kRemedy});
  }
  if (!memory.empty()) {
    review.add({"host-memory-device", severity, memory.text(), review.file("root/dev"),
                "Unless the device cgroup refuses, it reads and writes the memory of the machine.",
                kRemedy});
  }
}

}  // namespace cgwarden::diagnosis::audit
