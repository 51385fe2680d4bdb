#include "agent/stop_signal.h"

#include <csignal>

#include "agent/image_store.h"
#include "base/log.h"
#include "launcher/oci/signal_name.h"

namespace cgwarden::agent {

int stop_signal(const policy::Workload& workload, const std::string& image,
                const std::string& state_dir) {
  std::string name = workload.stop_signal;
  if (name.empty() && !image.empty()) {
    const ImageStore store(state_dir);
    const auto found = store.find(image);
    const auto config = found ? store.config_of(*found) : fail(found.error());
    if (config) {
      name = config->stop_signal;
    } else {
      log::warning("stop_signal_unknown", {{"workload", workload.name},
                                           {"image", image},
                                           {"signal", "SIGTERM"},
                                           {"error", config.error().sentence()}});
    }
  }
  return launcher::oci::signal_number(name).value_or(SIGTERM);
}

}  // namespace cgwarden::agent
