// The shim's annotations of an overlay, the text before the first NUL and the one behind it.
#include "launcher/overlay_config.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const std::string text(fuzz::text_of(data, size));
  const std::size_t cut = text.find('\0');
  launcher::Spec spec;
  spec.annotations["io.github.cgwarden.layers"] = text.substr(0, cut);
  if (cut != std::string::npos) {
    spec.annotations["io.github.cgwarden.writable"] = text.substr(cut + 1);
  }
  if (!launcher::read_overlay_annotations(spec)) {
    fuzz::require(!spec.overlay, "what is refused changes nothing");
    return 0;
  }
  fuzz::require(spec.overlay && !spec.overlay->layers.empty(), "an overlay has layers");
  for (const auto& layer : spec.overlay->layers) {
    fuzz::require(layer.starts_with('/'), "a layer is an absolute path");
    fuzz::require(layer.find('\0') == std::string::npos, "a path has no NUL");
  }
  launcher::Spec again;
  again.overlay = spec.overlay;
  launcher::annotate_overlay(again);
  again.overlay.reset();
  fuzz::require(launcher::read_overlay_annotations(again).has_value(), "it reads its own");
  fuzz::require(again.overlay == spec.overlay, "nothing is lost on the way");
  return 0;
}
