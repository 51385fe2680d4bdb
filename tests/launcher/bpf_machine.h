#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace cgwarden::launcher {

// What a seccomp program answers to one call: SECCOMP_RET_* with its data; nothing when it leaves
// the program or uses an instruction that seccomp(2) has not (kernel/seccomp.c
// seccomp_check_filter).
inline std::optional<std::uint32_t> run_bpf(std::span<const sock_filter> program,
                                            const seccomp_data& data) {
  std::uint32_t accumulator = 0;
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& step = program[at];
    const auto branch = [&](bool yes) { at += yes ? step.jt : step.jf; };
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (step.k + sizeof accumulator > sizeof data) return std::nullopt;
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + step.k,
                    sizeof accumulator);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= step.k;
        break;
      case BPF_JMP | BPF_JA:
        at += step.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        branch(accumulator == step.k);
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        branch(accumulator > step.k);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        branch(accumulator >= step.k);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        branch((accumulator & step.k) != 0);
        break;
      case BPF_RET | BPF_K:
        return step.k;
      case BPF_RET | BPF_A:
        return accumulator;
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

inline std::optional<std::uint32_t> answer(std::span<const sock_filter> program,
                                           std::uint32_t architecture, long number,
                                           std::array<std::uint64_t, 6> args = {}) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
  data.arch = architecture;
  for (std::size_t i = 0; i < args.size(); ++i) data.args[i] = args[i];
  return run_bpf(program, data);
}

}  // namespace cgwarden::launcher
