#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace cgwarden::agent {

struct ImageUser {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> additional_gids;  // groups of /etc/group that list the user's name
  bool operator==(const ImageUser&) const = default;
};

// "NAME", "UID", "NAME:GROUP", ... (OCI image-spec config.md "User") by the image's own passwd(5)
// and group(5), given as text. A number needs no line in them; its group is then 0, and a user in
// passwd brings along his own group. Lines that are not well-formed are passed over. invalid for a
// name that is not there.
[[nodiscard]] Result<ImageUser> find_user(const std::string& wanted, const std::string& passwd,
                                          const std::string& group);

// The text of `path` in layers laid over each other, the lowest first; empty when there is none or
// the highest layer that has something there has deleted it. Symbolic links are followed inside of
// one layer only.
[[nodiscard]] Result<std::string> read_in_layers(const std::vector<std::string>& layers,
                                                 const std::string& path);

}  // namespace cgwarden::agent
