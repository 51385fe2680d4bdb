// A memory leak: takes a mebibyte, writes to every page of it, keeps it, and again.
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

int main() {
  constexpr std::size_t kStep = 1024U * 1024U;
  std::vector<char*> kept;
  for (;;) {
    char* block = new char[kStep];
    std::memset(block, 0x5a, kStep);
    kept.push_back(block);
    if (kept.size() % 16 == 0) {
      std::fprintf(stderr, "cache holds %zu MiB\n", kept.size());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}
