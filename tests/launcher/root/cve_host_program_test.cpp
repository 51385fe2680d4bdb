#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/file.h"
#include "launcher/spec.h"
#include "tests/launcher/root/hostile.h"
#include "tests/launcher/root/in_child.h"
#include "tests/paths.h"

// CVE-2019-5736: the image makes the launcher execute its own file of the host ("#!/proc/self/exe")
// and a process of the container gets hold of that file and writes it.
namespace cgwarden::launcher {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr std::size_t kProgramBytes = 64U << 20U;

// A copy of a program of the host that may be lost.
class Prey {
 public:
  explicit Prey(const std::string& program) : before_(read_file(program, kProgramBytes).value()) {
    fs::copy_file(program, path());
  }
  [[nodiscard]] std::string path() const { return directory_.path("/program"); }
  [[nodiscard]] bool untouched() const {
    return read_file(path(), kProgramBytes).value() == before_;
  }

 private:
  HostDirectory directory_;
  std::string before_;
};

// The runtime that runs in the container stops where it opens its log, a FIFO without a reader.
void make_trap(const Rootfs& rootfs) {
  ASSERT_EQ(::mkfifo(rootfs.path("/data/fifo").c_str(), 0600), 0);
  rootfs.write("/bin/evil", "#!/proc/self/exe --log=/data/fifo\n", 0755);
}

// Takes the file of whoever stands in the trap, writes while it runs, and when asked to lets it go
// and writes when it has ended.
std::string accomplice(bool until_it_has_ended) {
  std::string script =
      "attack() {\n"
      "  echo held\n"
      "  echo pwned > /proc/self/fd/7\n";
  if (until_it_has_ended) {
    script +=
        "  cat /data/fifo\n"
        "  while [ -d $1 ]; do :; done\n"
        "  echo pwned > /proc/self/fd/7\n";
  }
  return script +
         "  exit\n"
         "}\n"
         "i=0\n"
         "while [ $i -lt 5000 ]; do\n"
         "  i=$((i+1))\n"
         "  for f in $(grep -ls '[-]-log=' /proc/[0-9]*/cmdline); do\n"
         "    attack ${f%/cmdline} 7< ${f%cmdline}exe\n"
         "  done\n"
         "done\n"
         // Lets go of what it did not find.
         "timeout 5 cat /data/fifo\n";
}

TEST(Cve20195736, ExecOfTheRuntimesOwnFileDoesNotGiveItAway) {
  const Prey runtime(runtime_program());
  const Rootfs rootfs;
  make_trap(rootfs);
  Running::Said attacked;
  {
    const OciContainer container(shell_spec(rootfs, "exec sleep 1000"), runtime.path());
    Running attack(container.exec_words({}, {"/bin/sh", "-c", accomplice(true)}));
    const auto evil = container.exec({}, {"/bin/evil"});
    EXPECT_NE(evil.exit_code, 0);
    attacked = attack.wait();
  }
  // It had the file, and could not write it: neither while it ran nor later.
  EXPECT_THAT(attacked.output, HasSubstr("held\n"));
  EXPECT_THAT(attacked.output,
              testing::ContainsRegex("(can't create /proc/self/fd/7: Read-only file system.*\n.*)"
                                     "(.*\n)*.*can't create /proc/self/fd/7: Read-only"));
  EXPECT_TRUE(runtime.untouched());
}

TEST(Cve20195736, AnEntryPointThatIsTheRuntimesOwnFileDoesNotGiveItAway) {
  const Prey runtime(runtime_program());
  const Rootfs rootfs;
  make_trap(rootfs);
  Running::Said attacked;
  {
    Spec spec = shell_spec(rootfs, "");
    spec.process.args = {"/bin/evil"};
    const OciContainer container(spec, runtime.path());
    attacked = container.exec(accomplice(false));
  }
  EXPECT_THAT(attacked.output, HasSubstr("held\n"));
  EXPECT_THAT(attacked.output, HasSubstr("can't create /proc/self/fd/7: Read-only file system"));
  EXPECT_TRUE(runtime.untouched());
}

// The kernel shows the root of a mount that is nowhere as "/".
std::size_t files_of_hidden_mounts(pid_t process) {
  const fs::directory_iterator open_files("/proc/" + std::to_string(process) + "/fd");
  return static_cast<std::size_t>(std::count_if(begin(open_files), end(open_files), [](auto& file) {
    std::error_code gone;
    return fs::read_symlink(file.path(), gone) == "/";
  }));
}

TEST(Cve20195736, TheMountThatARuntimeRunsFromIsGoneOnceTheCommandRuns) {
  const Rootfs rootfs;
  const HostDirectory bundle;
  const Spec spec = shell_spec(rootfs, "touch /data/runs; exec sleep 1000");
  ASSERT_TRUE(write_file_atomically(bundle.path("/config.json"), to_config(spec)));
  const std::vector<std::string> program{runtime_program(), "--cgroup-manager", "disabled",
                                         "--root", bundle.path("/state")};
  const auto words = [&](std::vector<std::string> last) {
    last.insert(last.begin(), program.begin(), program.end());
    return last;
  };
  const Running runtime(words({"run", "--bundle", bundle.path(), "sealed"}));
  const auto is_there = [&] {
    return fs::exists(rootfs.path("/data/runs")) && files_of_hidden_mounts(runtime.pid()) == 0;
  };
  for (int i = 0; i < 10000 && !is_there(); ++i) ::usleep(1000);
  EXPECT_TRUE(fs::exists(rootfs.path("/data/runs")));
  EXPECT_EQ(files_of_hidden_mounts(runtime.pid()), 0U);
  EXPECT_EQ(Running(words({"delete", "--force", "sealed"})).wait().exit_code, 0);
}

// AT_EXECFN of getauxval(3): the file that a running program was executed by.
std::string executed_by(pid_t process) {
  const std::string directory = "/proc/" + std::to_string(process);
  const std::string vector = read_file(directory + "/auxv", 4096).value();
  std::array<unsigned long, 2> pair{};
  for (std::size_t at = 0; at + sizeof(pair) <= vector.size(); at += sizeof(pair)) {
    std::memcpy(pair.data(), vector.data() + at, sizeof(pair));
    if (pair[0] == AT_EXECFN) break;
  }
  const UniqueFd memory(::open((directory + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 256> name{};
  const ssize_t size =
      ::pread(memory.get(), name.data(), name.size() - 1, static_cast<off_t>(pair[1]));
  return size > 0 ? name.data() : "(unknown)";
}

// Sealed where it stands: no mapping and no link of it leads to a file that can be written, and
// what is told of the process is as it was.
TEST(Cve20195736, ARuntimeIsSealedWithoutAnotherExecve) {
  const Prey program(runtime_program());
  const Rootfs rootfs;
  const HostDirectory bundle;
  const Spec spec = shell_spec(rootfs, "touch /data/runs; exec sleep 1000");
  ASSERT_TRUE(write_file_atomically(bundle.path("/config.json"), to_config(spec)));
  const std::vector<std::string> words{program.path(), "--cgroup-manager",    "disabled",
                                       "--root",       bundle.path("/state"), "run",
                                       "--bundle",     bundle.path(),         "sealed"};
  const Running runtime(words);
  for (int i = 0; i < 10000 && !fs::exists(rootfs.path("/data/runs")); ++i) ::usleep(1000);
  ASSERT_TRUE(fs::exists(rootfs.path("/data/runs")));
  const std::string process = "/proc/" + std::to_string(runtime.pid());
  // Without O_TRUNC the kernel looks first whether the file runs (ETXTBSY).
  const auto writable = [](const std::string& path) {
    return UniqueFd(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC)).valid() ? 0 : errno;
  };
  EXPECT_EQ(writable(process + "/exe"), EROFS);
  std::size_t mapped = 0;
  for (const auto& entry : fs::directory_iterator(process + "/map_files")) {
    EXPECT_EQ(writable(entry.path()), EROFS) << entry.path();
    ++mapped;
  }
  EXPECT_GE(mapped, 3U);
  std::string line;
  for (const auto& word : words) line += word + '\0';
  EXPECT_EQ(read_file(process + "/cmdline", 4096).value(), line);
  EXPECT_EQ(executed_by(runtime.pid()), program.path());
  EXPECT_THAT(read_file(process + "/environ", 1U << 20U).value(), HasSubstr("PATH="));
  EXPECT_EQ(Running({words.front(), "--root", bundle.path("/state"), "delete", "--force", "sealed"})
                .wait()
                .exit_code,
            0);
  EXPECT_TRUE(program.untouched());
}

// As a kernel without CONFIG_CHECKPOINT_RESTORE answers.
bool refuse_to_exchange_the_program() {
  std::array<sock_filter, 6> filter{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_MM, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{.len = filter.size(), .filter = filter.data()};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 &&
         ::prctl(PR_SET_MM, PR_SET_MM_MAP, 0, 0, 0) != 0;
}

TEST(Cve20195736, ARuntimeIsSealedByAnExecveWhereTheKernelWantsOne) {
  const Rootfs rootfs;
  const HostDirectory bundle;
  const Spec spec = shell_spec(rootfs, "echo ran");
  ASSERT_TRUE(write_file_atomically(bundle.path("/config.json"), to_config(spec)));
  EXPECT_EQ(in_child([&] {
              if (!refuse_to_exchange_the_program()) return std::string("no filter");
              return Running({runtime_program(), "--cgroup-manager", "disabled", "--root",
                              bundle.path("/state"), "run", "--bundle", bundle.path(), "sealed"})
                  .wait()
                  .output;
            }),
            "ran\n");
}

// The same for the shim of a native workload, whose child executes the entry point: it runs from a
// read-only mount before it is told what to start.
TEST(Cve20195736, TheShimOfAWorkloadCannotBeWritten) {
  const Prey shim(in_build("launcher/cgwarden-shim"));
  const HostDirectory state;
  std::array<int, 2> control{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, control.data()), 0);
  const UniqueFd ours(control[0]);
  UniqueFd theirs(control[1]);
  ::fcntl(ours.get(), F_SETFD, FD_CLOEXEC);
  const UniqueFd spec(::memfd_create("spec", 0));
  const Running running({shim.path(), "--name", "attacked", "--incarnation", "1", "--spec-fd",
                         std::to_string(spec.get()), "--control-fd", std::to_string(theirs.get()),
                         "--state-dir", state.path(), "--cgroup-root", "/sys/fs/cgroup"});
  theirs.reset();
  const std::string process = "/proc/" + std::to_string(running.pid());
  for (int i = 0; i < 10000 && read_file(process + "/comm", 100) != "cgwarden-shim\n"; ++i) {
    ::usleep(1000);
  }
  ASSERT_EQ(read_file(process + "/comm", 100).value_or("(ended)"), "cgwarden-shim\n");
  // Without O_TRUNC the kernel looks first whether the file runs (ETXTBSY).
  const UniqueFd writer(::open((process + "/exe").c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  EXPECT_FALSE(writer.valid());
  EXPECT_EQ(errno, EROFS);
}

// The built-in init is a fork of the launcher for as long as the container lives.
TEST(Cve20195736, TheBuiltInInitDoesNotShowItsFile) {
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

// Where the launcher's interpreter (ld.so) is missing from the image there is nothing to hold at
// all.
TEST(Cve20195736, ALauncherThatIsNotStaticDoesNotEvenStart) {
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
