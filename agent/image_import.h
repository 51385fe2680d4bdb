#pragma once

#include <string>

#include "agent/image_store.h"
#include "base/result.h"

namespace cgwarden::agent {

struct ImportRequest {
  std::string state_dir;    // the store is <state_dir>/images
  std::string runtime_dir;  // for its locks
  // An OCI image layout (a directory), or a tarball of one (podman, skopeo, buildah) or of
  // `docker save`, compressed or not.
  std::string source;
  std::string
      reference;     // of several images in the source this one ("latest"); empty: the only one
  std::string name;  // to be called by; empty: name_of(source)
};

// Unpacks an image with skopeo(1) of the package skopeo, which checks every digest, unpacks in a
// chroot and keeps each layer once however many images have it. Nothing is fetched from a network.
// The image is listed when all of it is there: whatever dies on the way leaves no half of one, and
// importing it again costs a glance at its digests. A name that another image had goes over to this
// one. Errors are one sentence with what skopeo said. Waits until it is done: not for a loop.
[[nodiscard]] Result<Image> import_image(const ImportRequest& request);

// For a workload whose `image` is a path: imports it when that has not been done, or it has changed
// since. A name is left to the launch.
[[nodiscard]] Status ensure_image(const std::string& state_dir, const std::string& runtime_dir,
                                  const std::string& image);

// "/srv/My_App.tar.gz" -> "my-app".
[[nodiscard]] std::string name_of(const std::string& source);

// Removes an image under all of its names, and the layers that no other has. busy while a workload
// that is not forgotten has it.
[[nodiscard]] Status remove_image(const std::string& state_dir, const std::string& runtime_dir,
                                  const std::string& wanted);

}  // namespace cgwarden::agent
