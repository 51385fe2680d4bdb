#include "launcher/device_filter.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/text.h"

namespace cgwarden::launcher {
namespace {

// Registers of the program. r1 is the context at entry.
constexpr std::uint8_t kAnswer = BPF_REG_0;
constexpr std::uint8_t kContext = BPF_REG_1;
constexpr std::uint8_t kType = BPF_REG_2;
constexpr std::uint8_t kUndecided = BPF_REG_3;  // accesses asked for that no rule has decided yet
constexpr std::uint8_t kMajor = BPF_REG_4;
constexpr std::uint8_t kMinor = BPF_REG_5;
constexpr std::uint8_t kScratch = BPF_REG_6;

constexpr std::int32_t kEveryAccess =
    BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;

// A rule in the words of the kernel; -1 matches every number.
struct Match {
  bool allow = false;
  std::int32_t type = 0;  // 0: both
  std::int32_t access = kEveryAccess;
  std::int64_t major = -1;
  std::int64_t minor = -1;

  [[nodiscard]] bool is_everything() const {
    return type == 0 && access == kEveryAccess && major < 0 && minor < 0;
  }
};

constexpr Match allow_char(std::int64_t major, std::int64_t minor) {
  return {true, BPF_DEVCG_DEV_CHAR, kEveryAccess, major, minor};
}

constexpr std::array kEveryContainer{
    Match{true, 0, BPF_DEVCG_ACC_MKNOD, -1, -1},
    allow_char(1, 3),     // null
    allow_char(1, 5),     // zero
    allow_char(1, 7),     // full
    allow_char(1, 8),     // random
    allow_char(1, 9),     // urandom
    allow_char(5, 0),     // tty
    allow_char(5, 2),     // ptmx
    allow_char(136, -1),  // pts/*
};

std::unexpected<LaunchError> bad_rule(const std::string& what) {
  return refused("resources", "linux.resources.devices: " + what);
}

StepResult<std::int32_t> access_of(const DeviceRule& rule) {
  if (rule.access.empty()) {
    // Taking everything from a rule that allows nothing in particular would give too much.
    if (rule.allow && rule.type != 'a') return bad_rule("a rule that allows needs its access");
    return kEveryAccess;
  }
  std::int32_t access = 0;
  for (const char letter : rule.access) {
    if (letter == 'r') {
      access |= BPF_DEVCG_ACC_READ;
    } else if (letter == 'w') {
      access |= BPF_DEVCG_ACC_WRITE;
    } else if (letter == 'm') {
      access |= BPF_DEVCG_ACC_MKNOD;
    } else {
      return bad_rule("access is \"" + printable(rule.access) + "\", but it is made of r, w and m");
    }
  }
  return access;
}

StepResult<std::int64_t> number_of(const std::optional<std::int64_t>& number) {
  if (!number || *number == -1) return -1;
  if (*number < 0 || *number >= 1 << 20) {
    return bad_rule("there is no device number " + std::to_string(*number));
  }
  return *number;
}

StepResult<Match> match_of(const DeviceRule& rule) {
  Match match;
  match.allow = rule.allow;
  if (rule.type == 'c' || rule.type == 'u') {
    match.type = BPF_DEVCG_DEV_CHAR;
  } else if (rule.type == 'b') {
    match.type = BPF_DEVCG_DEV_BLOCK;
  } else if (rule.type != 'a') {
    return bad_rule(std::string("the type is '") + rule.type + "', but it is a, b or c");
  }
  CGW_ASSIGN(match.access, access_of(rule));
  CGW_ASSIGN(match.major, number_of(rule.major));
  CGW_ASSIGN(match.minor, number_of(rule.minor));
  return match;
}

class Emitter {
 public:
  // *(u32*)(context + offset)
  void load(std::uint8_t to, std::size_t offset) {
    emit(BPF_LDX | BPF_W | BPF_MEM, to, kContext, static_cast<std::int16_t>(offset), 0);
  }
  void copy(std::uint8_t to, std::uint8_t from) { emit(BPF_ALU | BPF_MOV | BPF_X, to, from, 0, 0); }
  void alu(unsigned operation, std::uint8_t to, std::int32_t value) {
    emit(BPF_ALU | operation | BPF_K, to, 0, 0, value);
  }
  // The jump's target is set by land().
  [[nodiscard]] std::size_t jump_if(unsigned condition, std::uint8_t left, std::int32_t right) {
    emit(BPF_JMP32 | condition | BPF_K, left, 0, 0, right);
    return code_.size() - 1;
  }
  void land(std::size_t jump) {
    code_[jump].off = static_cast<std::int16_t>(code_.size() - jump - 1);
  }
  void answer(bool allowed) {
    alu(BPF_MOV, kAnswer, allowed ? 1 : 0);
    emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  }
  [[nodiscard]] DeviceProgram take() { return std::move(code_); }

 private:
  void emit(unsigned code, std::uint8_t to, std::uint8_t from, std::int16_t offset,
            std::int32_t value) {
    bpf_insn instruction{};
    instruction.code = static_cast<std::uint8_t>(code);
    instruction.dst_reg = to & 0xf;
    instruction.src_reg = from & 0xf;
    instruction.off = offset;
    instruction.imm = value;
    code_.push_back(instruction);
  }

  DeviceProgram code_;
};

void emit_rule(Emitter& code, const Match& rule) {
  std::vector<std::size_t> to_next;
  if (rule.type != 0) to_next.push_back(code.jump_if(BPF_JNE, kType, rule.type));
  if (rule.major >= 0) {
    to_next.push_back(code.jump_if(BPF_JNE, kMajor, static_cast<std::int32_t>(rule.major)));
  }
  if (rule.minor >= 0) {
    to_next.push_back(code.jump_if(BPF_JNE, kMinor, static_cast<std::int32_t>(rule.minor)));
  }
  if (rule.allow) {
    code.alu(BPF_AND, kUndecided, kEveryAccess & ~rule.access);
    to_next.push_back(code.jump_if(BPF_JNE, kUndecided, 0));
    code.answer(true);
  } else {
    code.copy(kScratch, kUndecided);
    code.alu(BPF_AND, kScratch, rule.access);
    to_next.push_back(code.jump_if(BPF_JEQ, kScratch, 0));
    code.answer(false);
  }
  for (const std::size_t jump : to_next) code.land(jump);
}

}  // namespace

StepResult<DeviceProgram> compile_device_filter(const std::vector<DeviceRule>& rules) {
  std::vector<Match> matches;
  for (const DeviceRule& rule : rules) {
    CGW_ASSIGN(Match match, match_of(rule));
    // Whatever came before it has nothing more to say.
    if (match.is_everything()) matches.clear();
    matches.push_back(match);
  }
  matches.insert(matches.end(), kEveryContainer.begin(), kEveryContainer.end());
  Emitter code;
  code.load(kType, offsetof(bpf_cgroup_dev_ctx, access_type));
  code.copy(kUndecided, kType);
  code.alu(BPF_AND, kType, 0xffff);
  code.alu(BPF_RSH, kUndecided, 16);
  code.load(kMajor, offsetof(bpf_cgroup_dev_ctx, major));
  code.load(kMinor, offsetof(bpf_cgroup_dev_ctx, minor));
  for (std::size_t i = matches.size(); i-- > 0;) {
    if (matches[i].is_everything()) {
      code.answer(matches[i].allow);
      return code.take();
    }
    emit_rule(code, matches[i]);
  }
  code.answer(false);
  return code.take();
}

}  // namespace cgwarden::launcher
