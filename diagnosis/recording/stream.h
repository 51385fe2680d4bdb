#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "identity/identity.h"

#include "base/units.h"

namespace cgwarden::diagnosis::recording {

// Samples of one cgroup between two new beginnings of its counters, which is what a column of
// differences can hold.
struct Stream {
  std::string boot;
  CgroupId id;
  std::uint64_t run = 0;  // grows when a counter fell
  std::string path;
  identity::Identity identity;

  [[nodiscard]] bool same(const Stream& other) const {
    return id == other.id && run == other.run && boot == other.boot && path == other.path;
  }
};

struct IdentityText {
  const char* column;
  std::string identity::Identity::* member;
};
// What is stored of an identity beside its kind.
inline constexpr std::array kIdentityTexts{
    IdentityText{"unit", &identity::Identity::unit},
    IdentityText{"slice", &identity::Identity::slice},
    IdentityText{"session", &identity::Identity::session},
    IdentityText{"user", &identity::Identity::user},
    IdentityText{"runtime", &identity::Identity::runtime},
    IdentityText{"container", &identity::Identity::container},
    IdentityText{"container_id", &identity::Identity::container_id},
    IdentityText{"pod", &identity::Identity::pod},
    IdentityText{"pod_uid", &identity::Identity::pod_uid},
    IdentityText{"pod_namespace", &identity::Identity::pod_namespace},
    IdentityText{"image", &identity::Identity::image},
};

// Kinds go by their names; one of a newer version is a group.
[[nodiscard]] identity::Kind kind_of(std::string_view name);

}  // namespace cgwarden::diagnosis::recording
