// In place of cgroup_iterator.cpp in a build without BPF.
#include <cerrno>

#include "cgroup/bpf/cgroup_iterator.h"

namespace cgwarden::cgroup {

Result<std::unique_ptr<ValueSource>> open_cgroup_iterator(const Tree& tree, std::size_t /*records*/,
                                                          std::size_t /*most_records*/,
                                                          Usec /*walk_time*/) {
  return fail(Error{ErrorKind::not_supported, 0, "load the BPF program for", tree.root(),
                    "this build has none: it was made without Debian's clang-19, bpftool or "
                    "libbpf-dev"});
}

}  // namespace cgwarden::cgroup
