#pragma once

#include "launcher/oci/failure.h"

namespace cgwarden::launcher::oci {

// Runs this program anew from a read-only copy of its mount, if it does not already: a process in a
// container that gets hold of /proc/PID/exe of a runtime cannot write the host's file through it
// (CVE-2019-5736). Where mounts are not permitted a sealed copy in memory serves. Returns once
// sealed.
[[nodiscard]] Outcome<void> seal_program(char** argv);

// The file that this program was executed from when it was sealed; -1: none, or closed. The last
// close takes its mount away, for which the kernel waits (synchronize_rcu): whoever starts a
// container leaves that for when nobody waits for him. The first call comes before this program
// opens a file.
[[nodiscard]] int sealed_file();
void close_sealed_file();

// Where the entry point (seal_entry.cpp) has sealed this program: the copy of its mount; else -1.
extern "C" int cgwarden_sealed_file;

}  // namespace cgwarden::launcher::oci
