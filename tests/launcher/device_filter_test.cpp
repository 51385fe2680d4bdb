#include "launcher/device_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <optional>
#include <random>

namespace cgwarden::launcher {
namespace {

using ::testing::HasSubstr;

struct Access {
  char type = 'c';
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::string wanted;  // of "rwm"
};

std::uint32_t bits(const std::string& access) {
  std::uint32_t result = 0;
  for (const char letter : access) {
    if (letter == 'm') result |= BPF_DEVCG_ACC_MKNOD;
    if (letter == 'r') result |= BPF_DEVCG_ACC_READ;
    if (letter == 'w') result |= BPF_DEVCG_ACC_WRITE;
  }
  return result;
}

// The few instructions that a filter is made of, as linux/bpf.h defines them; nullopt for any
// other, for a jump out of the program and for a read outside the context.
std::optional<std::uint32_t> interpret(const DeviceProgram& program, const Access& access) {
  const std::array<std::uint32_t, 3> context{
      bits(access.wanted) << 16 | (access.type == 'b' ? std::uint32_t{BPF_DEVCG_DEV_BLOCK}
                                                      : std::uint32_t{BPF_DEVCG_DEV_CHAR}),
      static_cast<std::uint32_t>(access.major), static_cast<std::uint32_t>(access.minor)};
  std::array<std::uint32_t, 11> registers{};
  for (std::size_t at = 0; at < program.size(); ++at) {
    const bpf_insn& one = program[at];
    auto& to = registers[one.dst_reg];
    const auto value = static_cast<std::uint32_t>(one.imm);
    switch (one.code) {
      case BPF_LDX | BPF_W | BPF_MEM:
        if (one.src_reg != BPF_REG_1 || one.off < 0 || one.off > 8 || one.off % 4 != 0) return {};
        to = context[static_cast<std::size_t>(one.off) / 4];
        break;
      case BPF_ALU | BPF_MOV | BPF_X:
        to = registers[one.src_reg];
        break;
      case BPF_ALU | BPF_MOV | BPF_K:
        to = value;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        to &= value;
        break;
      case BPF_ALU | BPF_RSH | BPF_K:
        to >>= value;
        break;
      case BPF_JMP32 | BPF_JNE | BPF_K:
        if (to != value) at += static_cast<std::size_t>(one.off);
        break;
      case BPF_JMP32 | BPF_JEQ | BPF_K:
        if (to == value) at += static_cast<std::size_t>(one.off);
        break;
      case BPF_JMP | BPF_EXIT:
        return registers[BPF_REG_0];
      default:
        return {};
    }
  }
  return {};
}

bool allowed(const std::vector<DeviceRule>& rules, const Access& access) {
  const auto program = compile_device_filter(rules);
  EXPECT_TRUE(program) << program.error().text;
  const auto answer = interpret(*program, access);
  EXPECT_TRUE(answer) << "the program has no end or is not understood";
  return answer == 1U;
}

DeviceRule rule(bool allow, char type, std::optional<std::int64_t> major,
                std::optional<std::int64_t> minor, const std::string& access) {
  return {allow, type, major, minor, access};
}

const DeviceRule kDenyAll = rule(false, 'a', {}, {}, "rwm");

TEST(DeviceFilter, WithoutRulesOnlyTheDevicesOfEveryContainer) {
  for (const auto& [major, minor] : std::vector<std::pair<int, int>>{
           {1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 2}, {136, 0}, {136, 77}}) {
    EXPECT_TRUE(allowed({}, {'c', major, minor, "rwm"})) << major << ":" << minor;
    EXPECT_FALSE(allowed({}, {'b', major, minor, "r"})) << major << ":" << minor;
  }
  EXPECT_FALSE(allowed({}, {'c', 1, 1, "r"}));   // mem
  EXPECT_FALSE(allowed({}, {'c', 1, 11, "w"}));  // kmsg
  EXPECT_FALSE(allowed({}, {'c', 5, 1, "r"}));   // console
  EXPECT_FALSE(allowed({}, {'b', 8, 0, "r"}));
  EXPECT_TRUE(allowed({}, {'b', 8, 0, "m"}));
  EXPECT_TRUE(allowed({}, {'c', 1, 1, "m"}));
  EXPECT_FALSE(allowed({}, {'b', 8, 0, "rm"}));
}

TEST(DeviceFilter, TheLastRuleThatSpeaksOfTheAccessWins) {
  const auto allow = rule(true, 'c', 10, 229, "rw");
  const auto deny = rule(false, 'c', 10, 229, "w");
  EXPECT_TRUE(allowed({kDenyAll, allow}, {'c', 10, 229, "rw"}));
  EXPECT_FALSE(allowed({allow, kDenyAll}, {'c', 10, 229, "r"}));
  EXPECT_TRUE(allowed({allow, deny}, {'c', 10, 229, "r"}));
  EXPECT_FALSE(allowed({allow, deny}, {'c', 10, 229, "w"}));
  // A write hidden in O_RDWR is a write.
  EXPECT_FALSE(allowed({allow, deny}, {'c', 10, 229, "rw"}));
  EXPECT_TRUE(allowed({deny, allow}, {'c', 10, 229, "rw"}));
}

TEST(DeviceFilter, AccessesAddUp) {
  const std::vector<DeviceRule> rules{rule(true, 'b', 8, 0, "r"), rule(true, 'b', 8, {}, "w")};
  EXPECT_TRUE(allowed(rules, {'b', 8, 0, "rw"}));
  EXPECT_FALSE(allowed(rules, {'b', 8, 1, "rw"}));
  EXPECT_TRUE(allowed(rules, {'b', 8, 1, "w"}));
}

TEST(DeviceFilter, Wildcards) {
  EXPECT_TRUE(allowed({rule(true, 'a', {}, {}, "rwm")}, {'b', 8, 0, "rwm"}));
  EXPECT_TRUE(allowed({rule(true, 'a', -1, -1, "")}, {'c', 99, 9, "rwm"}));
  EXPECT_TRUE(allowed({rule(true, 'b', {}, 3, "r")}, {'b', 77, 3, "r"}));
  EXPECT_FALSE(allowed({rule(true, 'b', {}, 3, "r")}, {'b', 77, 4, "r"}));
  EXPECT_FALSE(
      allowed({rule(true, 'a', {}, {}, "rwm"), rule(false, 'b', {}, {}, "rwm")}, {'b', 8, 0, "r"}));
  EXPECT_TRUE(allowed({rule(true, 'a', {}, {}, "r")}, {'b', 8, 0, "r"}));
  EXPECT_FALSE(allowed({rule(true, 'a', {}, {}, "r")}, {'b', 8, 0, "w"}));
}

TEST(DeviceFilter, TheDevicesOfEveryContainerCannotBeDenied) {
  EXPECT_TRUE(allowed({rule(false, 'c', 1, 3, "rwm")}, {'c', 1, 3, "rw"}));
}

TEST(DeviceFilter, RulesThatAreNone) {
  const auto refusal = [](const DeviceRule& one) {
    const auto program = compile_device_filter({one});
    return program ? "not refused" : program.error().text;
  };
  EXPECT_THAT(refusal(rule(true, 'x', 1, 1, "r")), HasSubstr("type"));
  EXPECT_THAT(refusal(rule(true, 'c', 1, 1, "rx")), HasSubstr("rx"));
  EXPECT_THAT(refusal(rule(true, 'c', 1, 1, "")), HasSubstr("needs its access"));
  EXPECT_THAT(refusal(rule(true, 'c', -2, 1, "r")), HasSubstr("-2"));
  EXPECT_THAT(refusal(rule(true, 'c', 1, 1 << 20, "r")), HasSubstr("1048576"));
}

// What the contract says, word for word: the last rule for each single access.
bool oracle(const std::vector<DeviceRule>& rules, const Access& access) {
  std::vector<DeviceRule> all = rules;
  all.push_back(rule(true, 'a', {}, {}, "m"));
  all.push_back(rule(true, 'c', 1, 3, "rwm"));
  all.push_back(rule(true, 'c', 5, 2, "rwm"));
  for (const char letter : access.wanted) {
    bool allow = false;
    for (const DeviceRule& one : all) {
      const bool speaks = (one.type == 'a' || one.type == access.type) &&
                          one.major.value_or(access.major) == access.major &&
                          one.minor.value_or(access.minor) == access.minor &&
                          one.access.find(letter) != std::string::npos;
      if (speaks) allow = one.allow;
    }
    if (!allow) return false;
  }
  return true;
}

TEST(DeviceFilter, AgreesWithTheRuleListForAnyRules) {
  std::mt19937 random(20260101);
  const auto pick = [&](const auto& list) { return list[random() % list.size()]; };
  const std::array<std::string, 7> accesses{"r", "w", "m", "rw", "rm", "wm", "rwm"};
  const std::array<std::optional<std::int64_t>, 4> numbers{std::nullopt, 1, 2, 3};
  for (int round = 0; round < 2000; ++round) {
    std::vector<DeviceRule> rules;
    for (std::size_t count = random() % 6; count > 0; --count) {
      rules.push_back(rule(random() % 2 == 0, pick(std::string("abc")), pick(numbers),
                           pick(numbers), pick(accesses)));
    }
    const auto program = compile_device_filter(rules);
    ASSERT_TRUE(program);
    for (const char type : {'b', 'c'}) {
      for (const auto& wanted : accesses) {
        const Access access{type, pick(std::array{1, 2, 3}), pick(std::array{1, 2, 3}), wanted};
        ASSERT_EQ(interpret(*program, access), oracle(rules, access) ? 1U : 0U)
            << round << ' ' << type << access.major << ':' << access.minor << ' ' << wanted;
      }
    }
  }
}

}  // namespace
}  // namespace cgwarden::launcher
