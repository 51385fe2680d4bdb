#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "tests/launcher/root/launched.h"

// A rootfs made by an enemy.
namespace cgwarden::launcher {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

// A directory of the host that no launch may change.
class HostDirectory {
 public:
  HostDirectory() {
    path_ = testing::TempDir() + "cgwarden-victim-XXXXXX";
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
  }
  HostDirectory(const HostDirectory&) = delete;
  HostDirectory& operator=(const HostDirectory&) = delete;
  ~HostDirectory() { fs::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool untouched() const { return fs::is_empty(path_); }

 private:
  std::string path_;
};

TEST(Attack, ProcAsASymlinkIsRefused) {
  const Rootfs rootfs;
  fs::remove(rootfs.path("/proc"));
  fs::create_directory_symlink("/tmp", rootfs.path("/proc"));
  const auto run = launch(rootfs, "true");
  ASSERT_FALSE(run.started);
  EXPECT_EQ(run.error.sentence(),
            "cannot start: mount: /proc is a symbolic link in the rootfs; proc is mounted on a "
            "real directory only: Too many levels of symbolic links");
}

TEST(Attack, DevAsASymlinkToTheHostStaysInside) {
  const HostDirectory victim;
  const Rootfs rootfs;
  fs::remove(rootfs.path("/dev"));
  fs::create_directory_symlink(victim.path(), rootfs.path("/dev"));
  const auto run = launch(rootfs, "true");
  EXPECT_FALSE(run.started);
  EXPECT_TRUE(victim.untouched());
}

TEST(Attack, AMountThroughASymlinkLandsInsideTheRootfs) {
  const HostDirectory victim;
  const HostDirectory source;
  ASSERT_TRUE(write_file_atomically(source.path() + "/mark", "inside"));
  const Rootfs rootfs;
  fs::create_directories(rootfs.path(victim.path()));
  fs::create_directory_symlink(victim.path(), rootfs.path("/link"));
  Spec spec = shell_spec(rootfs, "cat /link/sub/mark; cat " + victim.path() + "/sub/mark");
  spec.mounts.push_back({"/link/sub", "bind", source.path(), {"rbind", "ro"}});
  const auto run = launch(spec);
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, "insideinside");
  EXPECT_TRUE(victim.untouched());
}

TEST(Attack, DotDotStaysInside) {
  const HostDirectory source;
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "ls -d /data");
  spec.mounts.push_back({"/bin/../../../../data", "bind", source.path(), {"bind"}});
  const auto run = launch(spec);
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, "/data\n");
}

TEST(Attack, MountsOverProcfsAreRefused) {
  const HostDirectory source;
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "true");
  spec.mounts.push_back({"/proc/self/attr", "bind", source.path(), {"bind"}});
  EXPECT_EQ(launch(spec).error.sentence(),
            "cannot start: mount: /proc/self/attr is inside procfs and may not be mounted over");
}

// CVE-2024-45310: directories for a mount below a volume are made where the container sees them,
// not where a symlink in the volume points on the host.
TEST(Attack, DirectoriesBelowAVolumeAreMadeInsideTheRootfs) {
  const HostDirectory victim;
  const HostDirectory volume;
  fs::create_directory_symlink(victim.path(), volume.path() + "/link");
  const Rootfs rootfs;
  fs::create_directories(rootfs.path(victim.path()));
  Spec spec = shell_spec(rootfs, "ls /data/link; ls " + victim.path());
  spec.mounts.push_back({"/data", "bind", volume.path(), {"bind"}});
  spec.mounts.push_back({"/data/link/new/deep", "tmpfs", "tmpfs", {"mode=755"}});
  const auto run = launch(spec);
  EXPECT_TRUE(victim.untouched());
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, "new\nnew\n");
}

// The same for device nodes and the working directory, which are made in the rootfs too.
TEST(Attack, DevicesAndTheWorkingDirectoryAreMadeInsideTheRootfs) {
  const HostDirectory victim;
  const Rootfs rootfs;
  fs::create_directories(rootfs.path(victim.path()));
  fs::create_directory_symlink(victim.path(), rootfs.path("/out"));
  fs::create_symlink(victim.path() + "/node", rootfs.path("/data/node"));
  Spec spec = shell_spec(rootfs, "ls " + victim.path());
  spec.devices = {{.path = "/out/dev/own",
                   .type = 'c',
                   .major = 1,
                   .minor = 3,
                   .file_mode = {},
                   .uid = 1,
                   .gid = {}}};
  spec.process.cwd = "/out/work";
  const auto run = launch(spec);
  EXPECT_TRUE(victim.untouched());
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, "dev\nwork\n");
  spec.devices[0].path = "/data/node";
  EXPECT_EQ(launch(spec).error.sentence(),
            "cannot start: dev: /data/node is in the rootfs already and is no device");
  EXPECT_TRUE(victim.untouched());
}

TEST(Attack, MaskedPathsUseTheRealNullDevice) {
  const Rootfs rootfs;
  rootfs.write("/etc/fake", "host secret");
  rootfs.write("/etc/masked", "masked secret");
  Spec spec = shell_spec(rootfs, "cat /etc/masked; stat -c %t:%T /etc/masked");
  spec.masked_paths.emplace_back("/etc/masked");
  // The enemy's own /dev/null in the rootfs is not what is used.
  fs::create_symlink("/etc/fake", rootfs.path("/dev/null"));
  EXPECT_EQ(launch(spec).output, "1:3\n");
}

TEST(Attack, AWorkingDirectoryThroughAHostDescriptorIsRefused) {
  const Rootfs rootfs;
  const int host = ::open("/", O_RDONLY | O_DIRECTORY);
  Spec spec = shell_spec(rootfs, "ls");
  spec.process.cwd = "/proc/self/fd/" + std::to_string(host);
  const auto run = launch(spec);
  ::close(host);
  ASSERT_FALSE(run.started);
  EXPECT_EQ(run.error.stage, "cwd");
}

TEST(Attack, TheLaunchersBinaryIsOutOfReach) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs,
                         "readlink /proc/1/exe || echo hidden; cat /proc/1/exe > /dev/null || echo "
                         "unreadable; echo x > /proc/1/exe; readlink /proc/self/exe");
  spec.init = true;
  const auto run = launch(spec);
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_THAT(run.output, HasSubstr("hidden\n"));
  EXPECT_THAT(run.output, HasSubstr("unreadable\n"));
  EXPECT_THAT(run.output, HasSubstr("can't create /proc/1/exe: Permission denied"));
  EXPECT_THAT(run.output, testing::EndsWith("/bin/busybox\n"));
}

// CVE-2019-5736: the image's entry point is #!/proc/self/exe, so that the launcher would run
// itself.
TEST(Attack, ProcSelfExeAsInterpreterDoesNotRunTheLauncher) {
  const Rootfs rootfs;
  rootfs.write("/bin/evil", "#!/proc/self/exe\n", 0755);
  Spec spec = shell_spec(rootfs, "");
  spec.process.args = {"/bin/evil"};
  const auto run = launch(spec);
  ASSERT_FALSE(run.started);
  EXPECT_EQ(run.error.stage, "exec");
}

}  // namespace
}  // namespace cgwarden::launcher
