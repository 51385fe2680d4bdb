#include "launcher/seccomp_compact.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/limits.h"
#include "launcher/capabilities.h"
#include "launcher/seccomp.h"
#include "launcher/seccomp_cache.h"
#include "launcher/seccomp_config.h"
#include "launcher/seccomp_writer.h"
#include "tests/launcher/bpf_machine.h"
#include "tests/launcher/config_text.h"
#include "tests/paths.h"

namespace cgwarden::launcher {
namespace {

using Program = std::vector<sock_filter>;
using Arguments = std::array<std::uint64_t, 6>;

constexpr std::uint32_t kNumber = offsetof(seccomp_data, nr);
constexpr std::uint32_t kArchitecture = offsetof(seccomp_data, arch);
constexpr std::uint32_t kFirstArgument = offsetof(seccomp_data, args);
constexpr std::uint32_t kX32 = 0x40000000;

sock_filter load(std::uint32_t offset) { return {BPF_LD | BPF_W | BPF_ABS, 0, 0, offset}; }
sock_filter ret(std::uint32_t value) { return {BPF_RET | BPF_K, 0, 0, value}; }
sock_filter go(std::uint32_t steps) { return {BPF_JMP | BPF_JA, 0, 0, steps}; }
sock_filter mask(std::uint32_t value) { return {BPF_ALU | BPF_AND | BPF_K, 0, 0, value}; }
sock_filter jump(unsigned comparison, std::uint32_t value, unsigned yes, unsigned no) {
  return {static_cast<std::uint16_t>(BPF_JMP | BPF_K | comparison), static_cast<std::uint8_t>(yes),
          static_cast<std::uint8_t>(no), value};
}
constexpr sock_filter kReturnAccumulator{BPF_RET | BPF_A, 0, 0, 0};

bool same_steps(const Program& a, const Program& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.code == y.code && x.jt == y.jt && x.jf == y.jf && x.k == y.k;
  });
}

// Asks both programs; the first difference is the failure's text.
class Comparison {
 public:
  Comparison(const Program& original, const Program& compact)
      : original_(original), compact_(compact) {
    EXPECT_TRUE(is_complete_program(compact));
    EXPECT_LE(compact.size(), original.size());
    for (const Program* program : {&original, &compact}) {
      for (const auto& step : *program) {
        if (BPF_CLASS(step.code) != BPF_JMP && BPF_CLASS(step.code) != BPF_ALU) continue;
        for (const std::uint32_t value : {step.k - 1, step.k, step.k + 1}) values_.insert(value);
      }
    }
  }

  void ask(std::uint32_t architecture, std::uint32_t number, const Arguments& args) {
    if (different_) return;
    const auto wanted = answer(original_, architecture, static_cast<std::int32_t>(number), args);
    const auto got = answer(compact_, architecture, static_cast<std::int32_t>(number), args);
    different_ = wanted != got || !wanted;
    EXPECT_TRUE(!different_) << std::hex << "architecture 0x" << architecture << " number 0x"
                             << number << " argument 0 0x" << args[0] << ": 0x"
                             << wanted.value_or(0xbad) << " became 0x" << got.value_or(0xbad);
  }

  // Around every constant of both programs.
  [[nodiscard]] std::vector<std::uint32_t> values() const {
    return {values_.begin(), values_.end()};
  }
  [[nodiscard]] bool different() const { return different_; }

 private:
  const Program& original_;
  const Program& compact_;
  std::set<std::uint32_t> values_{0, 1, 0x7fffffff, 0x80000000, 0xffffffff};
  bool different_ = false;
};

constexpr std::uint32_t kProfiled[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, 0x4000003e, 0};

// Those of the profiles, others, and what is beside them.
std::vector<std::uint32_t> architectures() {
  std::vector<std::uint32_t> all{1, 0xffffffff, AUDIT_ARCH_AARCH64};
  for (const std::uint32_t known : kProfiled) {
    for (const std::uint32_t value : {known - 1, known, known + 1}) all.push_back(value);
  }
  return all;
}

std::vector<Arguments> arguments() {
  std::vector<Arguments> all{{}, {~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL}};
  for (const std::uint64_t value :
       {0x1ULL, 0x28ULL, 0x8ULL, 0x20000ULL, 0x20008ULL, 0x7e020000ULL, 0x10000000ULL,
        0xffffffffULL, 0x100000000ULL, 0x100000028ULL, 0x800000028ULL}) {
    all.push_back({value, value, value, value, value, value});
  }
  return all;
}

void ask_every_number(Comparison& comparison) {
  for (const std::uint32_t architecture : kProfiled) {
    for (const auto& args : arguments()) {
      for (std::uint32_t number = 0; number <= 1000; ++number) {
        comparison.ask(architecture, number, args);
      }
      for (std::uint32_t number = kX32; number <= kX32 + 0x400; ++number) {
        comparison.ask(architecture, number, args);
      }
    }
  }
}

void expect_same_answers(const Program& original, const Program& compact) {
  Comparison comparison(original, compact);
  ask_every_number(comparison);
  const auto all_arguments = arguments();
  const auto values = comparison.values();
  std::mt19937 random(20);
  for (const std::uint32_t architecture : architectures()) {
    for (const std::uint32_t number : values) {
      const std::uint64_t value = values[random() % values.size()];
      comparison.ask(architecture, number, {value, value, value << 32U, value, value, value});
      comparison.ask(architecture, number, all_arguments[random() % all_arguments.size()]);
    }
    for (int i = 0; i < 1000; ++i) {
      const std::uint64_t value = random();
      const auto number = static_cast<std::uint32_t>(random());
      comparison.ask(architecture, number, {value, value << 32U, value, value, value, value});
    }
  }
}

// The profile that the engine writes into `config`, for `architectures`.
Seccomp engine_profile(const std::string& config, const std::vector<std::string>& architectures) {
  const auto text =
      read_file(in_source("tests/fuzz/corpus/oci_config/") + config, limits::kStateFileBytes);
  EXPECT_TRUE(text) << config;
  Seccomp seccomp = parsed(text.value_or("")).seccomp_config.value_or(Seccomp{});
  seccomp.architectures = architectures;
  return seccomp;
}

TEST(BackwardWriterTest, JumpsReachOverAnyDistance) {
  for (int between = 245; between < 265; ++between) {
    for (const bool far_is_yes : {false, true}) {
      BackwardWriter writer;
      const auto far = writer.step(load(kFirstArgument), writer.last_step(kReturnAccumulator));
      for (int i = 0; i < between; ++i) (void)writer.last_step(ret(9));
      const auto near = writer.answer(2);  // written beside the jump, which makes `far` farther
      const auto start =
          far_is_yes ? writer.jump(BPF_JGT, 4, far, near) : writer.jump(BPF_JGT, 4, near, far);
      const Program program = writer.finish(writer.step(load(kNumber), start));
      ASSERT_TRUE(is_complete_program(program)) << between;
      EXPECT_EQ(answer(program, 0, 4, {77}), far_is_yes ? 2U : 77U) << between;
      EXPECT_EQ(answer(program, 0, 5, {77}), far_is_yes ? 77U : 2U) << between;
    }
  }
}

TEST(BackwardWriterTest, AnEqualJumpIsWrittenOnce) {
  BackwardWriter writer;
  const auto jump = writer.jump(BPF_JEQ, 4, writer.answer(1), writer.answer(2));
  EXPECT_EQ(writer.jump(BPF_JEQ, 4, writer.answer(1), writer.answer(2)), jump);
  EXPECT_NE(writer.jump(BPF_JEQ, 4, writer.answer(2), writer.answer(1)), jump);
  EXPECT_NE(writer.jump(BPF_JGT, 4, writer.answer(1), writer.answer(2)), jump);
  EXPECT_EQ(writer.jump(BPF_JEQ, 4, jump, jump), jump);
}

TEST(SeccompCompactTest, TheProfilesOfEnginesKeepTheirAnswers) {
  const std::vector<std::string> three{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  for (const char* config : {"docker.json", "podman.json"}) {
    for (const auto& names :
         std::vector<std::vector<std::string>>{three, {}, {"SCMP_ARCH_X86"}, {"SCMP_ARCH_X32"}}) {
      const Seccomp seccomp = engine_profile(config, names);
      const auto original = seccomp_source_program(seccomp);
      ASSERT_TRUE(original) << original.error().sentence();
      const Program compact = compact_program(*original);
      expect_same_answers(*original, compact);
      EXPECT_LT(compact.size(), names.size() > 2 ? 260U : 180U) << config << names.size();
      EXPECT_LT(compact.size() * 5, original->size()) << config << names.size();
      EXPECT_TRUE(same_steps(compact_program(compact), compact)) << "twice is not shorter";
      const auto used = compile_seccomp(seccomp, "");
      ASSERT_TRUE(used);
      EXPECT_TRUE(same_steps(used->compiled, compact)) << "what is loaded";
    }
  }
}

TEST(SeccompCompactTest, TheDefaultProfileKeepsItsAnswers) {
  const auto bit = [](const char* name) {
    return std::uint64_t{1} << static_cast<unsigned>(capability_number(name));
  };
  for (const std::uint64_t bounding :
       {std::uint64_t{0}, bit("CAP_SYS_CHROOT"), bit("CAP_SYS_ADMIN"), ~std::uint64_t{0}}) {
    const auto original = default_source_program(bounding);
    ASSERT_TRUE(original) << original.error().sentence();
    const auto compact = compile_default_profile(bounding);
    ASSERT_TRUE(compact);
    expect_same_answers(*original, *compact);
    EXPECT_LT(compact->size(), 100U) << bounding;
    EXPECT_LT(compact->size() * 4, original->size()) << bounding;
  }
}

// Every operator, on every word of an argument, and many rules with one answer each.
TEST(SeccompCompactTest, ArgumentsAndOtherActionsKeepTheirAnswers) {
  Seccomp config;
  config.default_action = "SCMP_ACT_ERRNO";
  config.architectures = {"SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  const char* names[] = {"mkdir", "rmdir", "chdir", "link", "unlink", "rename", "chmod", "chown"};
  unsigned index = 0;
  for (const char* op : {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE",
                         "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"}) {
    for (const char* action : {"SCMP_ACT_ALLOW", "SCMP_ACT_TRAP", "SCMP_ACT_LOG"}) {
      const unsigned row = index++;
      config.syscalls.push_back({.names = {names[row % 8]},
                                 .action = action,
                                 .errno_ret = std::nullopt,
                                 .args = {{.index = row % 6,
                                           .value = row % 2 == 0 ? 8U : 0x800000028U,
                                           .value_two = 0x28U,
                                           .op = op}}});
    }
  }
  const auto original = seccomp_source_program(config);
  ASSERT_TRUE(original) << original.error().sentence();
  const Program compact = compact_program(*original);
  expect_same_answers(*original, compact);
  EXPECT_LT(compact.size(), original->size());
}

TEST(SeccompCompactTest, ARowOfTestsBecomesAnInterval) {
  Program row{load(kNumber)};
  for (std::uint32_t number = 10; number < 20; ++number) {
    row.push_back(jump(BPF_JEQ, number, 0, 1));
    row.push_back(ret(SECCOMP_RET_ALLOW));
  }
  row.push_back(ret(SECCOMP_RET_TRAP));
  const Program compact = compact_program(row);
  expect_same_answers(row, compact);
  EXPECT_EQ(compact.size(), 5U);  // a load, two comparisons, two answers
}

TEST(SeccompCompactTest, AnArchitectureThatDecidesNothingIsNotLoaded) {
  const Program program{
      load(kArchitecture),   jump(BPF_JEQ, AUDIT_ARCH_X86_64, 0, 1), ret(SECCOMP_RET_ALLOW),
      load(kNumber),         jump(BPF_JGT, 0xffffffff, 0, 1),        ret(SECCOMP_RET_TRAP),
      ret(SECCOMP_RET_ALLOW)};
  EXPECT_TRUE(same_steps(compact_program(program), {ret(SECCOMP_RET_ALLOW)}));
}

TEST(SeccompCompactTest, TheEndsOfTheRangeAreIntervalsToo) {
  for (const unsigned comparison : {BPF_JEQ, BPF_JGT, BPF_JGE}) {
    for (const std::uint32_t value : {0U, 1U, 0x7fffffffU, 0x80000000U, 0xfffffffeU, 0xffffffffU}) {
      for (const std::uint32_t word : {kNumber, kArchitecture, kFirstArgument}) {
        const Program program{go(1),  ret(1), load(word), jump(comparison, value, 1, 0),
                              ret(2), ret(3)};
        const Program compact = compact_program(program);
        EXPECT_LT(compact.size(), program.size());
        Comparison both(program, compact);
        for (const std::uint32_t asked : both.values()) both.ask(asked, asked, {asked});
      }
    }
  }
}

TEST(SeccompCompactTest, WhatTheAccumulatorHoldsIsKept) {
  const Program programs[] = {
      // The number, masked: x32 and the others have one table.
      {go(1), ret(1), load(kNumber), mask(~kX32), jump(BPF_JEQ, 5, 0, 1), ret(2), ret(3)},
      {go(1), ret(1), load(kNumber), jump(BPF_JSET, kX32, 0, 2), jump(BPF_JGE, kX32 + 7, 0, 1),
       ret(2), jump(BPF_JEQ, 5, 0, 1), ret(3), ret(4)},
      {go(1), ret(1), load(kArchitecture), jump(BPF_JEQ, 7, 0, 1), ret(2), load(kNumber),
       jump(BPF_JGT, 9, 0, 1), kReturnAccumulator, ret(3)},
      // An argument, and then the number again.
      {go(1), ret(1), load(kFirstArgument), mask(0xf0), jump(BPF_JEQ, 0x20, 0, 3), load(kNumber),
       jump(BPF_JEQ, 5, 0, 1), ret(2), kReturnAccumulator},
      // Masked or not, the number goes on at one place.
      {load(kNumber), jump(BPF_JSET, kX32, 1, 0), mask(0xf), jump(BPF_JGT, 0xf, 0, 1), ret(1),
       jump(BPF_JEQ, 5, 0, 1), ret(2), jump(BPF_JEQ, 6, 0, 1), ret(3), ret(3)},
      // Nothing masked is nothing: libseccomp writes it.
      {load(kFirstArgument), mask(0), jump(BPF_JEQ, 0, 1, 0), ret(1), load(kNumber),
       jump(BPF_JEQ, 5, 0, 1), ret(2), ret(3)},
  };
  for (const auto& program : programs) {
    const Program compact = compact_program(program);
    EXPECT_LT(compact.size(), program.size());
    Comparison both(program, compact);
    for (const std::uint32_t number : both.values()) {
      for (const std::uint32_t architecture : {0U, 7U}) {
        for (const std::uint64_t arg : {0x0U, 0x20U, 0x2fU, 0x120U, 0x30U}) {
          both.ask(architecture, number, {arg});
        }
      }
    }
  }
}

// A tree beyond the 255 steps of a conditional jump.
TEST(SeccompCompactTest, FarAnswersAreReached) {
  for (const std::uint32_t distinct : {2U, 40U, 300U}) {
    Program program;
    for (std::uint32_t number = 0; number < 300; ++number) {
      program.push_back(load(kNumber));
      program.push_back(jump(BPF_JEQ, 7 * number, 0, 1));
      program.push_back(ret(SECCOMP_RET_ERRNO | (number * 13 % distinct)));
    }
    program.push_back(load(kFirstArgument));
    program.push_back(jump(BPF_JEQ, 3, 0, 1));
    program.push_back(ret(SECCOMP_RET_TRAP));
    program.push_back(ret(SECCOMP_RET_ALLOW));
    const Program compact = compact_program(program);
    EXPECT_LT(compact.size(), program.size()) << distinct;
    Comparison both(program, compact);
    for (std::uint32_t number = 0; number <= 2101; ++number) {
      both.ask(0, number, {number % 5});
    }
  }
}

TEST(SeccompCompactTest, WhatIsNotUnderstoodStaysAsItIs) {
  const Program programs[] = {
      {},
      {load(kNumber)},                                  // no end
      {go(0), jump(BPF_JEQ, 0, 0, 1), ret(1), ret(2)},  // nothing loaded
      {go(0), kReturnAccumulator},                      // nothing loaded
      {go(0), load(kArchitecture), mask(1), jump(BPF_JEQ, 0, 0, 1), ret(1), ret(2)},
      {go(0), load(kArchitecture), jump(BPF_JSET, 1, 0, 1), ret(1), ret(2)},
      {go(0), load(kArchitecture), kReturnAccumulator},
      {go(0), {BPF_LD | BPF_W | BPF_LEN, 0, 0, 0}, ret(1)},
      {go(0), {BPF_ALU | BPF_XOR | BPF_K, 0, 0, 1}, ret(1)},
      {load(kNumber), jump(BPF_JEQ, 1, 0, 1), ret(1), ret(2)},  // short already
  };
  for (const auto& program : programs) {
    EXPECT_TRUE(same_steps(compact_program(program), program));
  }
}

// Two thousand architectures with two thousand numbers each: more walks than the pass takes.
TEST(SeccompCompactTest, AnEntangledProgramStaysAsItIs) {
  Program program{load(kArchitecture)};
  for (std::uint32_t i = 0; i < 2000; ++i) program.push_back(jump(BPF_JEQ, 2 * i, 0, 0));
  program.push_back(load(kNumber));
  for (std::uint32_t i = 0; i < 2000; ++i) program.push_back(jump(BPF_JEQ, 2 * i, 0, 0));
  program.push_back(ret(SECCOMP_RET_ALLOW));
  EXPECT_TRUE(same_steps(compact_program(program), program));
}

// A program of all that seccomp takes, with few constants, so that they meet.
class RandomProgram {
 public:
  explicit RandomProgram(std::uint32_t seed) : random_(seed) {}

  Program make() {
    Program program{load(word())};
    const std::size_t steps = 2 + below(70);
    while (program.size() < steps) program.push_back(step(steps - program.size()));
    program.push_back(ret(below(4)));
    return program;
  }
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }
  std::uint32_t constant() {
    static constexpr std::uint32_t kBases[] = {0, 5, 20, kX32, AUDIT_ARCH_X86_64, 0xfffffff8};
    return kBases[below(6)] + below(8);
  }

 private:
  // Mostly the architecture and the number, as in programs of the field.
  std::uint32_t word() {
    switch (below(6)) {
      case 0:
        return kArchitecture;
      case 1:
        return kFirstArgument + 4 * below(4);
      default:
        return kNumber;
    }
  }
  sock_filter step(std::size_t rest) {
    const auto reach = static_cast<std::uint32_t>(std::min<std::size_t>(rest, 12));
    switch (below(24)) {
      case 0:
        return ret(below(4));
      case 1:
        return go(below(reach));
      case 2:
      case 3:
      case 4:
        return load(word());
      case 5:
        return mask(constant());
      case 6:
        return jump(BPF_JSET, constant(), below(reach), below(reach));
      case 7:
        return below(8) == 0 ? kReturnAccumulator : load(kNumber);
      default:
        constexpr unsigned kComparisons[] = {BPF_JEQ, BPF_JEQ, BPF_JGT, BPF_JGE};
        return jump(kComparisons[below(4)], constant(), below(reach), below(reach));
    }
  }

  std::mt19937 random_;
};

TEST(SeccompCompactTest, RandomProgramsKeepTheirAnswers) {
  std::size_t shorter = 0;
  std::size_t not_constant = 0;
  constexpr std::uint32_t kPrograms = 6000;
  for (std::uint32_t seed = 0; seed < kPrograms; ++seed) {
    RandomProgram random(seed);
    const Program program = random.make();
    ASSERT_TRUE(is_complete_program(program)) << seed;
    const Program compact = compact_program(program);
    if (compact.size() < program.size()) ++shorter;
    if (compact.size() > 6) ++not_constant;
    Comparison both(program, compact);
    for (int i = 0; i < 300; ++i) {
      Arguments args{};
      for (auto& arg : args) arg = std::uint64_t{random.constant()} << 32U | random.constant();
      both.ask(random.constant(), random.constant(), args);
    }
    ASSERT_FALSE(both.different()) << "seed " << seed;
  }
  EXPECT_GT(shorter, kPrograms * 7 / 10);
  EXPECT_GT(not_constant, kPrograms / 5);
}

}  // namespace
}  // namespace cgwarden::launcher
