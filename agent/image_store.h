#pragma once

#include <string>
#include <vector>

#include "agent/image_config.h"
#include "base/result.h"
#include "policy/workload.h"

namespace cgwarden::agent {

// An image as it lies unpacked in <state dir>/images.
struct Image {
  std::string id;                   // SHA-256 of its configuration, 64 hexadecimal digits
  std::vector<std::string> names;   // "web"
  std::vector<std::string> layers;  // directories, the lowest first; images share those they have
                                    // in common
};

// The reading side of the store that skopeo(1) fills (image_import.h). Its layout is that of
// containers/storage, which podman and CRI-O use too: images.json and layers.json list what is
// complete, overlay/LAYER/diff holds a layer's files. Every call reads anew.
class ImageStore {
 public:
  explicit ImageStore(const std::string& state_dir);

  // By name. A store that is not there yet is empty.
  [[nodiscard]] Result<std::vector<Image>> list() const;
  // By name, by id or by the first 12 or more digits of it, or by the path that was imported.
  // vanished, with the command that imports it, when there is none.
  [[nodiscard]] Result<Image> find(const std::string& wanted) const;
  [[nodiscard]] Result<ImageConfig> config_of(const Image& image) const;

  // Remembers that the file or directory `path` is this image, until its time stamps or size
  // change.
  [[nodiscard]] Status note_source(const std::string& path, const std::string& id) const;

  [[nodiscard]] const std::string& directory() const { return directory_; }

 private:
  [[nodiscard]] Result<std::string> id_of_source(const std::string& source) const;

  std::string directory_;
};

// The image's layers and all that its configuration says and `workload` leaves open.
[[nodiscard]] Status apply_image(const ImageStore& store, const Image& image,
                                 policy::Workload& workload);

}  // namespace cgwarden::agent
