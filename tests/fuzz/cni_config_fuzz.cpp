// CNI network configuration lists, and what plugins answer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "launcher/cni_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden::launcher;
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto network = parse_cni_network(text, "list")) {
    const auto port = cgwarden::parse_published_port("8080:80");
    for (const auto& plugin : network->plugins) {
      if (plugin.type.find('/') != std::string::npos) std::abort();
      for (const std::string& previous : {std::string(), text}) {
        if (plugin_input(*network, plugin, previous, {*port}).empty()) std::abort();
      }
    }
  }
  (void)parse_cni_result(text, "result");
  (void)cni_error_text(text);
  return 0;
}
