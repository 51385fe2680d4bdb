// A well-behaved neighbour: a fixed working set and a little regular work.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <thread>
#include <vector>

int main() {
  std::vector<std::uint8_t> working_set(8U * 1024U * 1024U, 1);
  std::uint64_t sum = 0;
  for (unsigned round = 1;; ++round) {
    for (std::size_t at = 0; at < working_set.size(); at += 4096) sum += working_set[at];
    if (round % 20 == 0) {
      std::printf("rounds=%u sum=%llu\n", round, static_cast<unsigned long long>(sum));
      std::fflush(stdout);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
  }
}
