#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace cgwarden::launcher {

// `env` with one entry for each name, the last one that was given, and with HOME when it has none
// or an empty one: the directory of `uid` in /etc/passwd of the container, else "/". Callers of OCI
// runtimes leave that to the runtime, who alone can see the file.
[[nodiscard]] std::vector<std::string> complete_environment(std::vector<std::string> env,
                                                            uid_t uid);

// `env` without the entries that a later one of the same name replaces.
[[nodiscard]] std::vector<std::string> without_overridden(std::vector<std::string> env);

// The home directory (passwd(5), sixth field) of `uid` in the text of a passwd file; "" when it is
// not there.
[[nodiscard]] std::string home_in(const std::string& passwd, uid_t uid);

}  // namespace cgwarden::launcher
