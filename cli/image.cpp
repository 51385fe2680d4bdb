#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "agent/image_import.h"
#include "agent/image_store.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/json_output.h"
#include "cli/terminal.h"

namespace cgwarden::cli {
namespace {

constexpr std::size_t kShownIdDigits = 12;

std::string name_list(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ",") + printable(name);
  return text.empty() ? "-" : text;
}

}  // namespace

int image_import(const Common& common, const ImageImportOptions& options) {
  const auto image = agent::import_image({.state_dir = common.where.state_dir,
                                          .runtime_dir = common.where.runtime_dir,
                                          .source = options.source,
                                          .reference = options.reference,
                                          .name = options.name});
  if (!image) return failed(image.error());
  const std::string name = options.name.empty() ? agent::name_of(options.source) : options.name;
  print(fmt::format("{} is image {} of {} layer{}\n", name, image->id.substr(0, kShownIdDigits),
                    image->layers.size(), image->layers.size() == 1 ? "" : "s"));
  return kOk;
}

int image_list(const Common& common) {
  const auto images = agent::ImageStore(common.where.state_dir).list();
  if (!images) return failed(images.error());
  if (common.json) {
    print(images_json(*images));
    return kOk;
  }
  std::size_t width = 4;
  for (const auto& image : *images) width = std::max(width, name_list(image.names).size());
  std::string text = fmt::format("{:<{}}  {:<12}  {}\n", "NAME", width, "ID", "LAYERS");
  for (const auto& image : *images) {
    text += fmt::format("{:<{}}  {:<12}  {}\n", name_list(image.names), width,
                        image.id.substr(0, kShownIdDigits), image.layers.size());
  }
  print(text);
  return kOk;
}

int image_remove(const Common& common, const std::string& wanted) {
  const Status removed =
      agent::remove_image(common.where.state_dir, common.where.runtime_dir, wanted);
  return removed ? kOk : failed(removed.error());
}

}  // namespace cgwarden::cli
