// A server as the web knows it: requests come in bursts over a loopback TCP socket, each costs some
// CPU. Prints one line per second with the number of requests and their worst latency, so a
// throttled run can be told from a free one by its own words.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRequestsPerBurst = 8;
constexpr auto kBetweenBursts = std::chrono::milliseconds(400);
constexpr long kCpuPerRequestUsec = 10000;

long thread_cpu_usec() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1000000L + time.tv_nsec / 1000L;
}

void burn(long usec) {
  const long end = thread_cpu_usec() + usec;
  while (thread_cpu_usec() < end) {
  }
}

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

// One byte in, one byte out.
void serve(int listener) {
  for (;;) {
    const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) die("accept");
    char byte = 0;
    if (::read(client, &byte, 1) == 1) {
      burn(kCpuPerRequestUsec);
      if (::write(client, &byte, 1) != 1) std::perror("write");
    }
    ::close(client);
  }
}

double request(const sockaddr_in& address) {
  const auto start = Clock::now();
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (client < 0) die("socket");
  if (::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    die("connect");
  }
  char byte = 'r';
  if (::write(client, &byte, 1) != 1 || ::read(client, &byte, 1) != 1) die("request");
  ::close(client);
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace

int main() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener < 0 ||
      ::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, 64) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    die("listen");
  }
  std::thread(serve, listener).detach();

  auto reported = Clock::now();
  std::vector<double> latencies;
  for (;;) {
    std::array<double, kRequestsPerBurst> burst{};
    std::vector<std::thread> clients;
    for (auto& latency : burst) {
      clients.emplace_back([&latency, &address] { latency = request(address); });
    }
    for (auto& client : clients) client.join();
    latencies.insert(latencies.end(), burst.begin(), burst.end());
    if (Clock::now() - reported >= std::chrono::seconds(1)) {
      std::printf("requests=%zu worst_ms=%.0f\n", latencies.size(),
                  *std::max_element(latencies.begin(), latencies.end()));
      std::fflush(stdout);
      latencies.clear();
      reported = Clock::now();
    }
    std::this_thread::sleep_for(kBetweenBursts);
  }
}
