#include "agent/image_store.h"

#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <system_error>
#include <tuple>
#include <utility>

#include "agent/image_lists.h"
#include "agent/image_user.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::agent {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLeastIdDigits = 12;  // as docker shows them

// containers/storage names the file of an item by base64 of its key when the key has a ':'.
std::string base64(const std::string& text) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::uint32_t group = 0;
    const std::size_t count = std::min<std::size_t>(3, text.size() - i);
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8U | (k < count ? static_cast<unsigned char>(text[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      result += k <= count ? kDigits[group >> (18U - 6U * k) & 0x3FU] : '=';
    }
  }
  return result;
}

// "localhost/web:latest" is what an import calls `web`.
std::string short_name(std::string name) {
  static constexpr std::string_view kBefore = "localhost/";
  static constexpr std::string_view kAfter = ":latest";
  if (name.starts_with(kBefore) && name.ends_with(kAfter)) {
    name = name.substr(kBefore.size(), name.size() - kBefore.size() - kAfter.size());
  }
  return name;
}

// What tells one content of a file or layout from the next without reading it.
Result<std::string> identity_of(const std::string& path) {
  struct stat status{};
  // A layout that is added to gets a new index.
  const std::string index = path + "/index.json";
  if (::stat(index.c_str(), &status) != 0 && ::stat(path.c_str(), &status) != 0) {
    return fail(Error::from_errno(errno, "use the image", printable(path)));
  }
  return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) + ":" +
         std::to_string(status.st_size) + ":" + std::to_string(status.st_mtim.tv_sec) + "." +
         std::to_string(status.st_mtim.tv_nsec);
}

std::string sources_file(const std::string& directory) { return directory + "/sources.json"; }

// path -> {identity, id}; a file that is missing or damaged only costs another import.
Json read_sources(const std::string& directory) {
  const auto text = read_file(sources_file(directory), limits::kStateFileBytes);
  Json sources = text ? Json::parse(*text, nullptr, false) : Json::object();
  return sources.is_object() ? sources : Json::object();
}

Error not_imported(const std::string& wanted) {
  return Error{
      ErrorKind::vanished, 0, "find the image", printable(wanted),
      wanted.find('/') == std::string::npos
          ? "cgwarden image list shows those that there are"
          : "it is not imported, or has changed since; cgwarden image import " + printable(wanted)};
}

}  // namespace

ImageStore::ImageStore(const std::string& state_dir) {
  std::error_code error;
  auto absolute = std::filesystem::absolute(state_dir, error);
  directory_ = (error ? state_dir : absolute.string()) + "/images";
}

Result<std::vector<Image>> ImageStore::list() const {
  const std::string images_file = directory_ + "/overlay-images/images.json";
  const auto text = read_file(images_file, limits::kStateFileBytes);
  if (!text) {
    if (text.error().kind == ErrorKind::vanished) return std::vector<Image>{};
    return fail(text.error());
  }
  CGW_ASSIGN(const auto stored, parse_image_list(*text, images_file));
  std::map<std::string, StoredLayer> layers;
  const std::string layers_file = directory_ + "/overlay-layers/layers.json";
  if (const auto listed = read_file(layers_file, limits::kStateFileBytes)) {
    CGW_ASSIGN(layers, parse_layer_list(*listed, layers_file));
  } else if (listed.error().kind != ErrorKind::vanished) {
    return fail(listed.error());
  }
  std::vector<Image> images;
  for (const auto& entry : stored) {
    Image image{.id = entry.id, .names = {}, .layers = {}};
    for (const auto& name : entry.names) image.names.push_back(short_name(name));
    std::ranges::sort(image.names);
    CGW_ASSIGN(const auto chain, layer_chain(layers, entry.top_layer));
    for (const auto& id : chain) image.layers.push_back(directory_ + "/overlay/" + id + "/diff");
    images.push_back(std::move(image));
  }
  std::ranges::sort(images, [](const Image& a, const Image& b) {
    return std::tie(a.names, a.id) < std::tie(b.names, b.id);
  });
  return images;
}

Result<Image> ImageStore::find(const std::string& wanted) const {
  CGW_ASSIGN(const auto images, list());
  std::string id = wanted;
  if (wanted.find('/') != std::string::npos) {
    CGW_ASSIGN(id, id_of_source(wanted));
  } else {
    for (const auto& image : images) {
      if (std::ranges::find(image.names, wanted) != image.names.end()) return image;
    }
  }
  const Image* found = nullptr;
  for (const auto& image : images) {
    if (id.size() < kLeastIdDigits || !image.id.starts_with(id)) continue;
    if (found != nullptr) {
      return fail(Error::invalid("find the image", printable(wanted), "several ids begin so"));
    }
    found = &image;
  }
  if (found == nullptr) return fail(not_imported(wanted));
  return *found;
}

Result<ImageConfig> ImageStore::config_of(const Image& image) const {
  const std::string file =
      directory_ + "/overlay-images/" + image.id + "/=" + base64("sha256:" + image.id);
  CGW_ASSIGN(const std::string text, read_file(file, limits::kStateFileBytes));
  return parse_image_config(text, file);
}

Result<std::string> ImageStore::id_of_source(const std::string& source) const {
  std::error_code error;
  const std::string path = std::filesystem::absolute(source, error).lexically_normal().string();
  CGW_ASSIGN(const std::string identity, identity_of(path));
  const Json sources = read_sources(directory_);
  const auto found = sources.find(path);
  if (found == sources.end() || member_text(*found, "identity") != identity) {
    return fail(not_imported(path));
  }
  return member_text(*found, "id");
}

Status ImageStore::note_source(const std::string& path, const std::string& id) const {
  CGW_ASSIGN(const std::string identity, identity_of(path));
  Json sources = read_sources(directory_);
  // Those that are gone would only pile up.
  std::erase_if(sources.get_ref<Json::object_t&>(), [](const auto& entry) {
    std::error_code error;
    return !std::filesystem::exists(entry.first, error);
  });
  sources[path] = {{"identity", identity}, {"id", id}};
  return write_file_atomically(sources_file(directory_),
                               sources.dump(2, ' ', false, Json::error_handler_t::replace), 0600);
}

Status apply_image(const ImageStore& store, const Image& image, policy::Workload& workload) {
  CGW_ASSIGN(const ImageConfig config, store.config_of(image));
  CGW_TRY(apply_image_config(config, workload));
  workload.layers = image.layers;
  if (workload.has_user) return {};
  CGW_ASSIGN(const std::string passwd, read_in_layers(image.layers, "/etc/passwd"));
  CGW_ASSIGN(const std::string group, read_in_layers(image.layers, "/etc/group"));
  CGW_ASSIGN(ImageUser user, find_user(config.user, passwd, group));
  workload.uid = user.uid;
  workload.gid = user.gid;
  workload.additional_gids = std::move(user.additional_gids);
  return {};
}

}  // namespace cgwarden::agent
