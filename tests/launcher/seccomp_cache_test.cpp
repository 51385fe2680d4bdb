#include "launcher/seccomp_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/file.h"
#include "launcher/seccomp_config.h"

namespace cgwarden::launcher {
namespace {

namespace fs = std::filesystem;

const std::vector<sock_filter> kProgram{{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
                                        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 7},
                                        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
                                        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRAP}};
// The first program with another answer: what a tampered entry would load.
const std::vector<sock_filter> kAllowAll{{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};

bool same(const std::vector<sock_filter>& a, const std::vector<sock_filter>& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.code == y.code && x.jt == y.jt && x.jf == y.jf && x.k == y.k;
  });
}

class SeccompCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "seccomp_cache.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    top_ = pattern;
    directory_ = top_ / "run" / "seccomp";
  }
  void TearDown() override { fs::remove_all(top_); }

  [[nodiscard]] SeccompCache cache() const { return SeccompCache(directory_); }
  [[nodiscard]] std::vector<fs::path> entries() const {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(directory_)) paths.push_back(entry.path());
    return paths;
  }
  // The one file of a cache with kProgram under "key".
  [[nodiscard]] fs::path kept() const {
    cache().keep("key", kProgram);
    const auto paths = entries();
    EXPECT_EQ(paths.size(), 1U);
    return paths.at(0);
  }
  static void write(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }
  // An unusable entry is not used, and is one again after the next keep().
  void expect_ignored_and_rewritten(const std::string& what) const {
    EXPECT_FALSE(cache().find("key")) << what;
    cache().keep("key", kProgram);
    const auto found = cache().find("key");
    ASSERT_TRUE(found) << what;
    EXPECT_TRUE(same(*found, kProgram)) << what;
  }

  fs::path top_;
  fs::path directory_;
};

TEST_F(SeccompCacheTest, WhatIsKeptIsFoundUnderItsKeyOnly) {
  EXPECT_FALSE(cache().find("key"));
  const auto path = kept();
  const auto found = cache().find("key");
  ASSERT_TRUE(found);
  EXPECT_TRUE(same(*found, kProgram));
  EXPECT_FALSE(cache().find("another key"));
  EXPECT_EQ(fs::status(directory_).permissions(), fs::perms::owner_all);
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(SeccompCacheTest, NoDirectoryIsNoCache) {
  const SeccompCache none("");
  none.keep("key", kProgram);
  EXPECT_FALSE(none.find("key"));
  const SeccompCache nowhere("/proc/no/such/place");
  nowhere.keep("key", kProgram);
  EXPECT_FALSE(nowhere.find("key"));
}

TEST_F(SeccompCacheTest, AFullKeyDecidesAndNotItsHash) {
  const auto path = kept();
  write(path, to_cache_entry("kez", kAllowAll));  // in the place of "key", as by a collision
  expect_ignored_and_rewritten("another key");
}

TEST_F(SeccompCacheTest, DamagedEntriesAreIgnored) {
  const auto path = kept();
  const std::string good = to_cache_entry("key", kProgram);
  for (std::size_t length = 0; length < good.size(); ++length) {
    write(path, good.substr(0, length));
    EXPECT_FALSE(cache().find("key")) << length;
  }
  write(path, good + "x");
  expect_ignored_and_rewritten("longer");
  std::string foreign = good;
  foreign[foreign.find('2')] = '1';
  write(path, foreign);
  expect_ignored_and_rewritten("another format");
  write(path, good + std::string(2U << 20U, '\0'));
  expect_ignored_and_rewritten("too large");
}

TEST_F(SeccompCacheTest, ProgramsThatDoNotEndInEveryCaseAreIgnored) {
  const auto changed = [](const std::function<void(std::vector<sock_filter>&)>& change) {
    std::vector<sock_filter> program = kProgram;
    program[1].jf = 1;
    change(program);
    return program;
  };
  EXPECT_TRUE(is_complete_program(changed([](auto&) {})));
  EXPECT_FALSE(is_complete_program({}));
  EXPECT_FALSE(is_complete_program(changed([](auto& p) { p[1].jt = 2; })));
  EXPECT_FALSE(is_complete_program(changed([](auto& p) { p[1].jf = 255; })));
  EXPECT_FALSE(is_complete_program(changed([](auto& p) { p[3] = p[0]; })));
  EXPECT_FALSE(is_complete_program(changed([](auto& p) { p[3] = p[1]; })));
  EXPECT_FALSE(is_complete_program(changed([](auto& p) { p[0].k = 64; })));
  EXPECT_FALSE(is_complete_program(changed([](auto& p) { p[0].k = 2; })));
  EXPECT_FALSE(is_complete_program(changed([](auto& p) { p[0].code = BPF_LD | BPF_W | BPF_IND; })));
  EXPECT_FALSE(
      is_complete_program(changed([](auto& p) { p[1] = {BPF_JMP | BPF_JA, 0, 0, 0xFFFFFFFF}; })));
  EXPECT_TRUE(is_complete_program(changed([](auto& p) { p[1] = {BPF_JMP | BPF_JA, 0, 0, 1}; })));
  EXPECT_TRUE(is_complete_program(std::vector<sock_filter>(4096, kProgram[2])));
  EXPECT_FALSE(is_complete_program(std::vector<sock_filter>(4097, kProgram[2])));
  const auto path = directory_;
  auto endless = kProgram;
  endless.pop_back();
  endless.pop_back();
  const auto file = kept();
  write(file, to_cache_entry("key", endless));
  EXPECT_FALSE(cache().find("key"));
}

TEST_F(SeccompCacheTest, EntriesThatOthersMayWriteAreIgnored) {
  for (const mode_t mode : {mode_t{0620}, mode_t{0602}, mode_t{0666}}) {
    const auto path = kept();
    write(path, to_cache_entry("key", kAllowAll));
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    expect_ignored_and_rewritten("mode " + std::to_string(mode));
  }
}

TEST_F(SeccompCacheTest, LinksPipesAndDirectoriesAreNotEntries) {
  const auto path = kept();
  const auto elsewhere = top_ / "elsewhere";
  write(elsewhere, to_cache_entry("key", kAllowAll));
  fs::permissions(elsewhere, fs::perms::owner_read);
  fs::remove(path);
  fs::create_symlink(elsewhere, path);
  expect_ignored_and_rewritten("symbolic link");
  EXPECT_EQ(read_file(elsewhere, 1000).value(), to_cache_entry("key", kAllowAll));
  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  expect_ignored_and_rewritten("fifo");
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_FALSE(cache().find("key"));
  cache().keep("key", kProgram);  // cannot be replaced: not an error
  EXPECT_FALSE(cache().find("key"));
}

TEST_F(SeccompCacheTest, ADirectoryThatOthersMayEnterIsNotUsed) {
  const auto path = kept();
  for (const mode_t mode : {mode_t{0770}, mode_t{0707}, mode_t{0755}, mode_t{01777}}) {
    ASSERT_EQ(::chmod(directory_.c_str(), mode), 0);
    EXPECT_FALSE(cache().find("key")) << mode;
    cache().keep("other", kProgram);
    EXPECT_EQ(entries().size(), 1U) << mode;
  }
  ASSERT_EQ(::chmod(directory_.c_str(), 0700), 0);
  EXPECT_TRUE(cache().find("key"));
  const auto link = top_ / "link";
  fs::create_directory_symlink(directory_, link);
  EXPECT_FALSE(SeccompCache(link).find("key"));
}

TEST_F(SeccompCacheTest, TheOldestEntriesGo) {
  for (std::size_t i = 0; i < SeccompCache::kEntries + 10; ++i) {
    const std::string key = "key " + std::to_string(i);
    cache().keep(key, kProgram);
    // Dates a second apart, all in the past, so that the newest one is never the one just written.
    for (const auto& path : entries()) {
      if (read_file(path, 1000).value() == to_cache_entry(key, kProgram)) {
        const timespec date{.tv_sec = static_cast<time_t>(1000 + i), .tv_nsec = 0};
        const timespec both[2] = {date, date};
        ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), both, 0), 0);
      }
    }
  }
  EXPECT_EQ(entries().size(), SeccompCache::kEntries);
  EXPECT_FALSE(cache().find("key 0"));
  EXPECT_FALSE(cache().find("key 9"));
  EXPECT_TRUE(cache().find("key 10"));
  EXPECT_TRUE(cache().find("key 73"));
}

Seccomp small_profile() {
  Seccomp config;
  config.default_action = "SCMP_ACT_ERRNO";
  config.architectures = {"SCMP_ARCH_X86"};
  config.syscalls = {{.names = {"mkdir", "rmdir"},
                      .action = "SCMP_ACT_ALLOW",
                      .errno_ret = std::nullopt,
                      .args = {{.index = 1, .value = 2, .value_two = 3, .op = "SCMP_CMP_EQ"}}}};
  return config;
}

TEST(SeccompCacheKeyTest, EverythingThatTheProgramDependsOnIsInTheKey) {
  std::vector<std::string> keys{seccomp_cache_key(small_profile())};
  const auto with = [&keys](const std::function<void(Seccomp&)>& change) {
    Seccomp config = small_profile();
    change(config);
    keys.push_back(seccomp_cache_key(config));
  };
  with([](auto& c) { c.default_action = "SCMP_ACT_KILL"; });
  with([](auto& c) { c.default_errno_ret = 0; });
  with([](auto& c) { c.default_errno_ret = 1; });
  with([](auto& c) { c.architectures.clear(); });
  with([](auto& c) { c.architectures = {"SCMP_ARCH_X32"}; });
  with([](auto& c) { c.syscalls.clear(); });
  with([](auto& c) { c.syscalls.push_back(c.syscalls[0]); });
  with([](auto& c) { c.syscalls[0].names = {"mkdirrmdir"}; });
  with([](auto& c) { c.syscalls[0].names = {"mkdir"}; });
  with([](auto& c) { c.syscalls[0].action = "SCMP_ACT_LOG"; });
  with([](auto& c) { c.syscalls[0].errno_ret = 0; });
  with([](auto& c) { c.syscalls[0].args.clear(); });
  with([](auto& c) { c.syscalls[0].args[0].index = 0; });
  with([](auto& c) { c.syscalls[0].args[0].value = 3; });
  with([](auto& c) { c.syscalls[0].args[0].value_two = 2; });
  with([](auto& c) { c.syscalls[0].args[0].op = "SCMP_CMP_NE"; });
  std::ranges::sort(keys);
  EXPECT_EQ(std::ranges::adjacent_find(keys), keys.end());
  // Flags and listener are not compiled in.
  Seccomp flagged = small_profile();
  flagged.flags = {"SECCOMP_FILTER_FLAG_LOG"};
  flagged.listener_path = "/run/agent";
  EXPECT_EQ(seccomp_cache_key(flagged), seccomp_cache_key(small_profile()));
}

TEST_F(SeccompCacheTest, CompileUsesWhatIsKeptAndOnlyForThatProfile) {
  const auto first = compile_seccomp(small_profile(), directory_);
  ASSERT_TRUE(first) << first.error().sentence();
  EXPECT_EQ(entries().size(), 1U);
  // Something that libseccomp would not make shows where the second program comes from.
  cache().keep(seccomp_cache_key(small_profile()), kAllowAll);
  const auto second = compile_seccomp(small_profile(), directory_);
  ASSERT_TRUE(second);
  EXPECT_TRUE(same(second->compiled, kAllowAll));
  EXPECT_EQ(second->program.data(), second->compiled.data());
  Seccomp other = small_profile();
  other.syscalls[0].names = {"mkdir"};
  const auto third = compile_seccomp(other, directory_);
  ASSERT_TRUE(third);
  EXPECT_FALSE(same(third->compiled, kAllowAll));
  // Flags come from the profile, kept or not; and what is wrong stays wrong.
  Seccomp flagged = small_profile();
  flagged.flags = {"SECCOMP_FILTER_FLAG_LOG"};
  EXPECT_EQ(compile_seccomp(flagged, directory_)->flags, unsigned{SECCOMP_FILTER_FLAG_LOG});
  flagged.flags = {"nonsense"};
  EXPECT_FALSE(compile_seccomp(flagged, directory_));
}

TEST_F(SeccompCacheTest, ATamperedEntryIsCompiledAgain) {
  const auto first = compile_seccomp(small_profile(), directory_);
  ASSERT_TRUE(first);
  const auto path = entries().at(0);
  write(path, to_cache_entry(seccomp_cache_key(small_profile()), kAllowAll));
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  const auto again = compile_seccomp(small_profile(), directory_);
  ASSERT_TRUE(again);
  EXPECT_TRUE(same(again->compiled, first->compiled));
}

}  // namespace
}  // namespace cgwarden::launcher
