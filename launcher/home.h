#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace cgwarden::launcher {

// `env` with HOME when it has none: the directory of `uid` in /etc/passwd of the container, else
// "/". Callers of OCI runtimes leave that to the runtime, who alone can see the file.
[[nodiscard]] std::vector<std::string> with_home(std::vector<std::string> env, uid_t uid);

// The home directory (passwd(5), sixth field) of `uid` in the text of a passwd file; "" when it is
// not there.
[[nodiscard]] std::string home_in(const std::string& passwd, uid_t uid);

}  // namespace cgwarden::launcher
