#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "agent/options.h"
#include "base/result.h"
#include "launcher/spec.h"

// Workloads of a user who is not root: `cgwarden run` in the foreground, below the user's own
// systemd.
namespace cgwarden::agent {

struct SubordinateIds {
  unsigned start = 0;
  unsigned count = 0;
  bool operator==(const SubordinateIds&) const = default;
};

// The first range that subuid(5) text has for a user, by name or by number; nullopt for none. Lines
// that are no USER:START:COUNT are passed over, as newuidmap(1) does.
[[nodiscard]] std::optional<SubordinateIds> subordinate_ids(std::string_view text,
                                                            std::string_view user, uid_t uid);

// Gives the spec a user namespace, if it has none: container id 0 is this user, those from 1 on are
// the user's range in /etc/subuid and /etc/subgid. Without a range invalid, with the command that
// adds one.
[[nodiscard]] Status map_to_caller(launcher::Spec& spec);

// Where a user keeps what root has in /run/cgwarden and /var/lib/cgwarden:
// $XDG_RUNTIME_DIR/cgwarden (else /run/user/UID/cgwarden) and
// ${XDG_STATE_HOME:-~/.local/state}/cgwarden. Empty arguments count as not set.
void use_directories_of_user(Options& options, uid_t uid, const std::string& runtime_home,
                             const std::string& state_home, const std::string& home);

}  // namespace cgwarden::agent
