#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>

#include <array>
#include <cstdint>
#include <filesystem>

#include "tests/launcher/root/hostile.h"

// CVE-2022-29162: with inheritable capabilities a user who is not root gains those that a program
// of the image has in its inheritable file set.
namespace cgwarden::launcher {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

// include/uapi/linux/capability.h: struct vfs_cap_data of VFS_CAP_REVISION_2.
struct FileCapabilities {
  std::uint32_t magic = 0x02000001;  // with VFS_CAP_FLAGS_EFFECTIVE
  struct {
    std::uint32_t permitted = 0;
    std::uint32_t inheritable = ~0U;
  } words[2];
};

// A program with everything in its inheritable file set.
void add_gainful_program(const Rootfs& rootfs) {
  fs::copy_file("/bin/busybox", rootfs.path("/bin/busybox-gain"));
  const FileCapabilities everything;
  ASSERT_EQ(::setxattr(rootfs.path("/bin/busybox-gain").c_str(), "security.capability", &everything,
                       sizeof(everything), 0),
            0);
}

const std::vector<std::string> kGain{"/bin/busybox-gain", "grep", "-E", "^Cap[IPEA]",
                                     "/proc/self/status"};
constexpr const char* kNothing =
    "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
    "CapAmb:\t0000000000000000\n";

// no_new_privs would hide the gain.
Spec gaining_spec(const Rootfs& rootfs) {
  Spec spec = shell_spec(rootfs, "exec sleep 1000");
  spec.process.no_new_privileges = false;
  spec.process.user.uid = 1000;
  return spec;
}

TEST(Cve202229162, RunGivesNothingToInherit) {
  const Rootfs rootfs;
  add_gainful_program(rootfs);
  EXPECT_THAT(default_spec().process.capabilities.inheritable, testing::IsEmpty());
  Spec spec = gaining_spec(rootfs);
  spec.process.args = kGain;
  EXPECT_EQ(launch(spec).output, kNothing);
  // The file does what it should, for who asks for it by name.
  spec.process.capabilities.inheritable = {"CAP_KILL"};
  EXPECT_THAT(launch(spec).output, HasSubstr("CapPrm:\t0000000000000020\n"));
}

TEST(Cve202229162, ExecGivesNothingToInherit) {
  const Rootfs rootfs;
  add_gainful_program(rootfs);
  const OciContainer container(gaining_spec(rootfs));
  EXPECT_EQ(container.exec({}, kGain).output, kNothing);
  EXPECT_THAT(container.exec({"--cap", "CAP_KILL", "--cap", "SYS_PTRACE"}, kGain).output,
              HasSubstr("CapInh:\t0000000000000000\n"));
  // Root in the container has its capabilities, and hands none of them on.
  EXPECT_EQ(container
                .exec({"--user", "0:0", "--cap", "SYS_PTRACE"},
                      {"/bin/grep", "-E", "^Cap[IA]", "/proc/self/status"})
                .output,
            "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000\n");
}

}  // namespace
}  // namespace cgwarden::launcher
