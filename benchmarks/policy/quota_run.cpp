// quota_run TRACE SEED SECONDS COST_USEC CONTENDER PARAMETER CGROUP: serves the requests of a trace
// with four threads in CGROUP, under the quota that the contender decides ten times a second
// ("unlimited": none; "agent": one that runs beside it; "captain" and so on: contenders.h), and
// prints what it took, as key=value. Runs in the guest, beside nothing else: whoever asks and
// decides is outside of the cgroup and goes first.
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "benchmarks/policy/contenders.h"
#include "benchmarks/policy/traffic.h"

namespace cgwarden::benchmark {
namespace {

using policy::adapt::CpuInputs;
using policy::simulation::CpuSetting;

constexpr int kThreads = 4;
constexpr double kCpus = 1;
constexpr double kTickUsec = 100'000;
constexpr std::size_t kTicksPerSecond = 10;
// What has not been answered so long after the last request is late.
constexpr double kPatienceUsec = 20e6;
constexpr int kPipeBytes = 1 << 20;

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "quota_run: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

double now_usec(clockid_t clock = CLOCK_MONOTONIC) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

void sleep_until(double usec) {
  const auto whole = static_cast<std::int64_t>(usec);
  const timespec at{.tv_sec = whole / 1'000'000, .tv_nsec = whole % 1'000'000 * 1000};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
  }
}

// Takes the same number of instructions each time, whatever the clock says.
void burn(std::uint64_t rounds) {
  for (; rounds > 0; --rounds) asm volatile("" : "+r"(rounds));
}

// The most of several looks: what interrupts took is no work, and a machine that has just booted
// has more of them.
double rounds_per_usec() {
  constexpr std::uint64_t kRounds = 100'000;
  constexpr int kLooks = 50;
  double most = 0;
  for (int look = 0; look < kLooks; ++look) {
    const double begun = now_usec(CLOCK_THREAD_CPUTIME_ID);
    burn(kRounds);
    most =
        std::max(most, static_cast<double>(kRounds) / (now_usec(CLOCK_THREAD_CPUTIME_ID) - begun));
  }
  return most;
}

// What both processes see.
struct Shared {
  std::atomic<bool> ready;
  std::atomic<std::uint64_t> answered;
  double answered_usec[1];  // by request; 0: not yet
};

struct Asked {
  std::uint64_t request;
  double cost_usec;
};

void answer(int requests, Shared& shared, double rounds) {
  Asked asked{};
  while (::read(requests, &asked, sizeof asked) == sizeof asked) {
    burn(static_cast<std::uint64_t>(asked.cost_usec * rounds));
    shared.answered_usec[asked.request] = now_usec();
    ++shared.answered;
  }
}

[[noreturn]] void serve_in(const std::string& cgroup, int requests, Shared& shared) {
  std::ofstream(cgroup + "/cgroup.procs") << ::getpid() << std::flush;
  const double rounds = rounds_per_usec();
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] { answer(requests, shared, rounds); });
  }
  shared.ready = true;
  for (auto& thread : threads) thread.join();
  std::_Exit(0);
}

std::uint64_t value_of(const std::string& file, const std::string& key) {
  std::ifstream stream(file);
  std::string word;
  std::uint64_t value = 0;
  while (stream >> word) {
    if (word == key) {
      stream >> value;
      break;
    }
  }
  return value;
}

std::uint64_t waited_usec(const std::string& cgroup) {
  std::ifstream stream(cgroup + "/cpu.pressure");
  std::string word;
  while (stream >> word && !word.starts_with("total=")) {
  }
  return word.starts_with("total=") ? std::strtoull(word.c_str() + 6, nullptr, 10) : 0;
}

struct Counters {
  std::uint64_t usage;
  std::uint64_t periods;
  std::uint64_t throttled;
  std::uint64_t throttled_usec;
  std::uint64_t waited_usec;
};

Counters counters_of(const std::string& cgroup) {
  const std::string file = cgroup + "/cpu.stat";
  return {value_of(file, "usage_usec"), value_of(file, "nr_periods"),
          value_of(file, "nr_throttled"), value_of(file, "throttled_usec"), waited_usec(cgroup)};
}

void write_file(const std::string& file, const std::string& text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0 || ::write(fd, text.data(), text.size()) < 0) give_up(file + " " + text);
  ::close(fd);
}

class Run {
 public:
  // `observed`: somebody else decides.
  Run(const Traffic& traffic, Contender* contender, std::string cgroup, bool observed)
      : traffic_(traffic), contender_(contender), cgroup_(std::move(cgroup)), observed_(observed) {
    const std::size_t bytes = sizeof(Shared) + traffic.requests.size() * sizeof(double);
    void* memory =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) give_up("mmap");
    shared_ = static_cast<Shared*>(memory);
  }

  void run() {
    start();
    begin_ = now_usec() + 200'000;
    before_ = counters_of(cgroup_);
    first_ = before_;
    double next_tick = begin_ + kTickUsec;
    const double last = begin_ + traffic_.length_usec;
    std::size_t next = 0;
    while (next_tick <= last) {
      const bool asks = next < traffic_.requests.size() &&
                        begin_ + traffic_.requests[next].arrival_usec <= next_tick;
      if (asks) {
        sleep_until(begin_ + traffic_.requests[next].arrival_usec);
        ask(next++);
        continue;
      }
      sleep_until(next_tick);
      tick(next_tick);
      next_tick += kTickUsec;
    }
    wait_for_answers(last + kPatienceUsec);
  }

  // What a recorder would keep: microseconds of CPU, second by second.
  void print_usage() const {
    std::printf("usage=");
    for (std::size_t i = 1; i < usages_.size(); ++i) {
      std::printf("%s%llu", i > 1 ? "," : "",
                  static_cast<unsigned long long>(usages_[i] - usages_[i - 1]));
    }
    std::printf("\n");
  }

  void print() const {
    std::vector<double> waits;
    for (std::size_t i = 0; i < traffic_.requests.size(); ++i) {
      const double answered = shared_->answered_usec[i] > 0 ? shared_->answered_usec[i] : end_;
      waits.push_back(answered - begin_ - traffic_.requests[i].arrival_usec);
    }
    std::ranges::sort(waits);
    const auto at = [&](double q) {
      return waits[static_cast<std::size_t>(std::ceil(q * static_cast<double>(waits.size() - 1)))];
    };
    std::printf(
        "requests=%zu unanswered=%zu reserved=%.4f used=%.4f p50=%.0f p99=%.0f p999=%.0f "
        "periods=%llu throttled=%llu throttled_usec=%llu writes=%llu most_writes=%zu\n",
        waits.size(), waits.size() - static_cast<std::size_t>(shared_->answered.load()),
        reserved_ / traffic_.length_usec,
        static_cast<double>(before_.usage - first_.usage) / traffic_.length_usec, at(0.5), at(0.99),
        at(0.999), static_cast<unsigned long long>(before_.periods - first_.periods),
        static_cast<unsigned long long>(before_.throttled - first_.throttled),
        static_cast<unsigned long long>(before_.throttled_usec - first_.throttled_usec),
        static_cast<unsigned long long>(writes_), most_writes_);
  }

 private:
  void start() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) give_up("pipe2");
    if (::fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes) < 0) give_up("F_SETPIPE_SZ");
    server_ = ::fork();
    if (server_ < 0) give_up("fork");
    if (server_ == 0) {
      ::close(ends[1]);
      serve_in(cgroup_, ends[0], *shared_);
    }
    ::close(ends[0]);
    requests_ = ends[1];
    while (!shared_->ready) sleep_until(now_usec() + 1000);
    const sched_param first{.sched_priority = 10};
    if (::sched_setscheduler(0, SCHED_FIFO, &first) != 0) give_up("SCHED_FIFO");
    if (contender_ != nullptr) set(contender_->begin());
    if (observed_) setting_ = read_setting();
  }

  void ask(std::size_t request) {
    const Asked asked{request, traffic_.requests[request].cost_usec};
    if (::write(requests_, &asked, sizeof asked) != sizeof asked) give_up("ask");
  }

  // The kernel refuses a quota below the burst.
  void set(const CpuSetting& setting) {
    const auto quota = std::get<Usec>(setting.max.quota);
    const std::string max =
        std::to_string(quota.count()) + " " + std::to_string(setting.max.period.count());
    const std::string burst = std::to_string(setting.burst.count());
    const bool less = setting_ && quota < std::get<Usec>(setting_->max.quota);
    const bool other_burst = setting.burst != (setting_ ? setting_->burst : Usec{0});
    if (less && other_burst) write_file(cgroup_ + "/cpu.max.burst", burst);
    if (!setting_ || setting.max != setting_->max) write_file(cgroup_ + "/cpu.max", max);
    if (!less && other_burst) write_file(cgroup_ + "/cpu.max.burst", burst);
    setting_ = setting;
  }

  // What is in force; nullopt: no quota.
  [[nodiscard]] std::optional<CpuSetting> read_setting() const {
    std::uint64_t quota = 0;
    std::uint64_t period = 0;
    std::uint64_t burst = 0;
    if (!(std::ifstream(cgroup_ + "/cpu.max") >> quota >> period)) return std::nullopt;
    std::ifstream(cgroup_ + "/cpu.max.burst") >> burst;
    return CpuSetting{{Usec{quota}, Usec{period}}, Usec{burst}};
  }

  void observe(double at) {
    const auto setting = read_setting();
    if (setting == setting_) return;
    setting_ = setting;
    wrote(at);
  }

  void wrote(double at) {
    ++writes_;
    recent_.push_back(at);
    while (recent_.front() <= at - 10e6) recent_.pop_front();
    most_writes_ = std::max(most_writes_, recent_.size());
  }

  void tick(double at) {
    reserved_ += kTickUsec * (setting_ ? cores(*setting_) : kCpus);
    const Counters now = counters_of(cgroup_);
    CpuInputs inputs;
    inputs.now = Usec{static_cast<std::uint64_t>(at)};
    inputs.length = Usec{static_cast<std::uint64_t>(kTickUsec)};
    inputs.usage = Usec{now.usage - before_.usage};
    inputs.periods = now.periods - before_.periods;
    inputs.throttled = now.throttled - before_.throttled;
    inputs.throttled_time = Usec{now.throttled_usec - before_.throttled_usec};
    inputs.pressure =
        std::min(1.0, static_cast<double>(now.waited_usec - before_.waited_usec) / kTickUsec);
    before_ = now;
    if (ticks_++ % kTicksPerSecond == 0) usages_.push_back(now.usage);
    if (observed_) return observe(at);
    const auto wanted = contender_ == nullptr ? std::nullopt : contender_->tick(inputs);
    if (!wanted || wanted == setting_) return;
    set(*wanted);
    wrote(at);
  }

  void wait_for_answers(double last) {
    while (shared_->answered < traffic_.requests.size() && now_usec() < last) {
      sleep_until(now_usec() + 10'000);
    }
    end_ = now_usec();
    ::close(requests_);
    ::kill(server_, SIGKILL);
    ::waitpid(server_, nullptr, 0);
  }

  const Traffic& traffic_;
  Contender* contender_;
  std::string cgroup_;
  bool observed_;
  Shared* shared_ = nullptr;
  pid_t server_ = -1;
  int requests_ = -1;
  std::optional<CpuSetting> setting_;
  double begin_ = 0;
  double end_ = 0;
  Counters first_{};
  Counters before_{};
  double reserved_ = 0;
  std::uint64_t writes_ = 0;
  std::deque<double> recent_;
  std::size_t most_writes_ = 0;
  std::size_t ticks_ = 0;
  std::vector<std::uint64_t> usages_;  // at the end of each second
};

std::unique_ptr<Contender> contender_of(const std::string& name, double parameter) {
  for (const Family& family : families(kCpus)) {
    if (family.name == name) return family.make(parameter);
  }
  std::fprintf(stderr, "quota_run: no contender is called %s\n", name.c_str());
  std::exit(2);
}

}  // namespace
}  // namespace cgwarden::benchmark

int main(int argc, char** argv) {
  using namespace cgwarden::benchmark;
  if (argc == 2 && std::string(argv[1]) == "--contenders") {
    for (const Family& family : families(1)) {
      std::printf("%s", family.name.c_str());
      for (const double parameter : family.parameters) std::printf(" | %.4f", parameter);
      std::printf("\n");
    }
    return 0;
  }
  const bool usage = argc == 9 && std::string(argv[8]) == "--usage";
  if (argc != 8 && !usage) {
    std::fprintf(
        stderr,
        "usage: quota_run TRACE SEED SECONDS COST_USEC CONTENDER PARAMETER CGROUP [--usage]\n"
        "       quota_run --contenders\n");
    return 2;
  }
  const Shape shape{static_cast<std::size_t>(std::atoi(argv[3])), std::atof(argv[4])};
  const Traffic traffic =
      make_traffic(argv[1], static_cast<std::uint32_t>(std::atoi(argv[2])), shape);
  const std::string name = argv[5];
  const bool observed = name == "agent";
  const auto contender =
      name == "unlimited" || observed ? nullptr : contender_of(name, std::atof(argv[6]));
  Run run(traffic, contender.get(), argv[7], observed);
  run.run();
  run.print();
  if (usage) run.print_usage();
  return 0;
}
