// A seccomp program of any bytes: the shorter one ends in every case and has the same answers.
#include <linux/seccomp.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "launcher/seccomp_cache.h"
#include "launcher/seccomp_compact.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/launcher/bpf_machine.h"

namespace {

using namespace cgwarden::launcher;

// Each constant of the program and its neighbours, as the word that the program compares it with.
void compare(const std::vector<sock_filter>& program, const std::vector<sock_filter>& compact) {
  const std::size_t steps = program.size() < 64 ? program.size() : 64;
  for (std::size_t i = 0; i < steps; ++i) {
    const std::uint32_t other = program[(i * 7 + 3) % program.size()].k;
    for (const std::uint32_t value : {program[i].k - 1, program[i].k, program[i].k + 1}) {
      for (const auto& [architecture, number, arg] :
           {std::array{value, other, other}, std::array{other, value, other},
            std::array{other, other, value}}) {
        const std::uint64_t wide = std::uint64_t{arg} << 32U | other;
        const std::array<std::uint64_t, 6> args{arg, wide, arg, wide, arg, wide};
        cgwarden::fuzz::require(answer(program, architecture, static_cast<int>(number), args) ==
                                    answer(compact, architecture, static_cast<int>(number), args),
                                "both programs have one answer");
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<sock_filter> program(size / sizeof(sock_filter));
  if (!program.empty()) std::memcpy(program.data(), data, program.size() * sizeof(sock_filter));
  const std::vector<sock_filter> compact = compact_program(program);
  cgwarden::fuzz::require(compact.size() <= program.size(), "it does not become longer");
  if (!is_complete_program(program)) return 0;
  cgwarden::fuzz::require(is_complete_program(compact), "it ends in every case");
  compare(program, compact);
  return 0;
}
