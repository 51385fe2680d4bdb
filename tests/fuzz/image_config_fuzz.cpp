// What an image says of itself, and the lists of the store that it lies in.
#include "agent/image_config.h"
#include "agent/image_lists.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const std::string text(fuzz::text_of(data, size));
  if (const auto config = agent::parse_image_config(text, "config.json")) {
    policy::Workload workload;
    workload.image = "image";
    const Status applied = agent::apply_image_config(*config, workload);
    fuzz::require(applied.has_value() == !workload.command.empty(), "without a command it fails");
    fuzz::require(workload.cwd.starts_with('/'), "a directory is absolute");
    for (const auto& [key, value] : workload.env) {
      fuzz::require(!key.empty() && key.find('=') == std::string::npos, "a variable has a name");
      fuzz::require((key + value).find('\0') == std::string::npos, "a variable has no NUL");
    }
  } else {
    fuzz::require_clean_error(config.error());
  }
  if (const auto images = agent::parse_image_list(text, "images.json"); !images) {
    fuzz::require_clean_error(images.error());
  }
  const auto layers = agent::parse_layer_list(text, "layers.json");
  if (!layers) {
    fuzz::require_clean_error(layers.error());
    return 0;
  }
  for (const auto& [id, layer] : *layers) {
    fuzz::require(id.find('/') == std::string::npos, "an id is no path");
    const auto chain = agent::layer_chain(*layers, id);
    fuzz::require(!chain || (chain->size() <= layers->size() && chain->back() == id),
                  "a chain ends");
  }
  return 0;
}
