// Our writer against prometheus-cpp's TextSerializer: one page of 10,000 cgroups with 40 series
// each. The families for TextSerializer are made beforehand, so that its time is that of writing
// alone, while ours includes reading the samples. Ends with the ratio of the two medians, and with
// the CPU of a scrape of that page through a socket; with 1 when that is over its bar, unless
// --report is given.
#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "exporters/catalog.h"
#include "exporters/http_endpoint.h"
#include "exporters/metrics.h"
#include "exporters/page_stream.h"
#include "exporters/view.h"

namespace {

using namespace cgwarden;
using namespace cgwarden::exporters;

constexpr std::size_t kCgroups = 10000;
constexpr std::size_t kSeries = 40;
constexpr double kScrapeBar = 100;  // ms

// A cgroup as kubelet and systemd name it; 40 of the catalog's series have a value.
cgroup::Sample sample(std::uint64_t i) {
  cgroup::Sample sample;
  sample.id = CgroupId{i + 1000};
  const std::string pod = std::to_string(1'000'000'000 + i * 7919);
  sample.path = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + pod +
                ".slice/cri-containerd-" + pod + pod + pod + ".scope";
  sample.cpu_stat = cgroup::CpuStat{.usage_usec = 846811127 + i * 1009,
                                    .user_usec = 800000000 + i * 1013,
                                    .system_usec = 46811127 + i,
                                    .nice_usec = {},
                                    .core_sched_force_idle_usec = {},
                                    .nr_periods = 1000 + i,
                                    .nr_throttled = 970,
                                    .throttled_usec = 97000001 + i,
                                    .nr_bursts = 0,
                                    .burst_usec = 0};
  sample.cpu_max = cgroup::CpuMax{.quota = Usec{150000}, .period = Usec{100000}};
  sample.cpu_weight = 100;
  sample.memory_current = Bytes{67108864 + i * 4096};
  sample.memory_peak = Bytes{167108864 + i * 4096};
  sample.memory_max = Bytes{268435456};
  sample.memory_swap_current = Bytes{0};
  cgroup::MemoryStat& memory = sample.memory_stat.emplace();
  memory.anon = 60000000 + i * 4096;
  memory.file = 5000000 + i * 4096;
  memory.kernel = 1000000;
  memory.shmem = 12288;
  memory.inactive_file = 3000000;
  memory.slab = 500000 + i;
  sample.memory_events = cgroup::MemoryEvents{
      .low = 0, .high = 2, .max = 300, .oom = 4, .oom_kill = 5, .oom_group_kill = 0};
  for (auto* pressure : {&sample.cpu_pressure, &sample.memory_pressure, &sample.io_pressure}) {
    pressure->emplace();
    (*pressure)->some.emplace().total_usec = 5000000 + i * 31;
    (*pressure)->full.emplace().total_usec = 2500000 + i * 17;
  }
  sample.pids_current = 12;
  sample.pids_peak = 14;
  sample.pids_max = std::uint64_t{64};
  sample.pids_events = cgroup::PidsEvents{.max = 0};
  sample.cgroup_events = cgroup::CgroupEvents{.populated = true, .frozen = false};
  return sample;
}

const View& view() {
  static const View view = [] {
    std::vector<cgroup::Sample> samples;
    for (std::uint64_t i = 0; i < kCgroups; ++i) samples.push_back(sample(i));
    View built;
    built.snapshot = std::make_shared<const cgroup::Snapshot>(TimePoint{}, std::move(samples));
    return built;
  }();
  return view;
}

class FamilySink final : public LineSink {
 public:
  explicit FamilySink(const Metric& metric) {
    family.name = metric.name;
    family.help = metric.help;
    family.type = metric.type == MetricType::counter ? prometheus::MetricType::Counter
                                                     : prometheus::MetricType::Gauge;
  }
  void line(std::string_view labels, Value value) override {
    prometheus::ClientMetric metric;
    metric.label.push_back({"cgroup", path});
    if (!labels.empty()) {
      const std::size_t equals = labels.find('=');
      metric.label.push_back({std::string(labels.substr(0, equals)),
                              std::string(labels.substr(equals + 2, labels.size() - equals - 3))});
    }
    metric.counter.value = value.as_double();
    metric.gauge.value = value.as_double();
    family.metric.push_back(std::move(metric));
  }
  prometheus::MetricFamily family;
  std::string path;
};

std::vector<prometheus::MetricFamily> families() {
  std::vector<prometheus::MetricFamily> all;
  for (const auto& metric : cgroup_metrics()) {
    if (metric.group) continue;
    FamilySink sink(metric.metric);
    for (const auto& one : view().snapshot->samples()) {
      sink.path = one.path;
      for (const auto& series : metric.series) {
        if (const auto value = series.read(one)) sink.line(series.labels, *value);
      }
      if (metric.visit != nullptr) metric.visit(one, sink);
      if (metric.describe != nullptr) metric.describe(one, nullptr, sink);
    }
    if (!sink.family.metric.empty()) all.push_back(std::move(sink.family));
  }
  return all;
}

void report(benchmark::State& state, std::size_t bytes) {
  state.counters["bytes"] = static_cast<double>(bytes);
  state.counters["series"] = static_cast<double>(kCgroups * kSeries);
}

// Piece by piece into one buffer, as the endpoint does.
std::size_t write_page(const std::shared_ptr<const PublishedView>& published, bool compress) {
  static std::vector<char> buffer(std::size_t{64} * 1024);
  const auto stream = PageStream::open({.view = published, .own = "", .compress = compress});
  while (*(*stream)->read(buffer) > 0) continue;
  return (*stream)->bytes();
}

// A new View each time: its labels are part of the work.
std::shared_ptr<const PublishedView> published() {
  return std::make_shared<const PublishedView>(
      std::shared_ptr<const View>(std::shared_ptr<void>(), &view()));
}

void BM_own_writer(benchmark::State& state) {
  static_cast<void>(view());
  std::size_t bytes = 0;
  for (auto _ : state) bytes = write_page(published(), /*compress=*/false);
  report(state, bytes);
}

// Reads the page in a process of its own, whose time is not ours.
class Scraper {
 public:
  // Before any thread is made.
  Scraper() {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
    ours_ = fds[0];
    if (::fork() == 0) {
      ::close(fds[0]);
      for (std::uint16_t port = 0; ::read(fds[1], &port, sizeof port) == sizeof port;) {
        const std::size_t bytes = scrape(port);
        if (::write(fds[1], &bytes, sizeof bytes) < 0) break;
      }
      ::_exit(0);
    }
    ::close(fds[1]);
  }
  // The bytes of the answer.
  [[nodiscard]] std::size_t get(std::uint16_t port) const {
    std::size_t bytes = 0;
    if (::write(ours_, &port, sizeof port) < 0 || ::read(ours_, &bytes, sizeof bytes) < 0) return 0;
    return bytes;
  }

 private:
  static std::size_t scrape(std::uint16_t port) {
    static std::vector<char> buffer(std::size_t{1} << 20U);
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    static constexpr std::string_view kRequest =
        "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    std::size_t bytes = 0;
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::send(socket, kRequest.data(), kRequest.size(), 0) > 0) {
      for (ssize_t size = 0; (size = ::recv(socket, buffer.data(), buffer.size(), 0)) > 0;) {
        bytes += static_cast<std::size_t>(size);
      }
    }
    ::close(socket);
    return bytes;
  }
  int ours_ = -1;
};

const Scraper& scraper() {
  static const Scraper scraper;
  return scraper;
}

void BM_scrape_through_a_socket(benchmark::State& state) {
  SelfMetrics metrics;
  auto listeners = Listener::open_all({"127.0.0.1:0"});
  const auto endpoint = HttpEndpoint::start(*std::move(listeners), metrics, {});
  std::size_t bytes = 0;
  for (auto _ : state) {
    (*endpoint)->publish(std::shared_ptr<const View>(std::shared_ptr<void>(), &view()));
    bytes = scraper().get((*endpoint)->port());
  }
  report(state, bytes);
}

void BM_prometheus_cpp_text_serializer(benchmark::State& state) {
  const auto all = families();
  std::size_t bytes = 0;
  for (auto _ : state) bytes = prometheus::TextSerializer().Serialize(all).size();
  report(state, bytes);
}

void BM_gzip_level_1(benchmark::State& state) {
  std::size_t bytes = 0;
  for (auto _ : state) bytes = write_page(published(), /*compress=*/true);
  report(state, bytes);
}

BENCHMARK(BM_own_writer)->Unit(benchmark::kMillisecond)->Repetitions(5);
BENCHMARK(BM_prometheus_cpp_text_serializer)->Unit(benchmark::kMillisecond)->Repetitions(5);
BENCHMARK(BM_scrape_through_a_socket)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->Repetitions(5);
BENCHMARK(BM_gzip_level_1)->Unit(benchmark::kMillisecond)->Repetitions(3);

// The console report, and the medians by name for the ratio.
class RatioReporter final : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.aggregate_name != "median") continue;
      const std::string name = run.run_name.function_name;
      if (name == "BM_own_writer") own_ = run.GetAdjustedCPUTime();
      if (name == "BM_prometheus_cpp_text_serializer") peer_ = run.GetAdjustedCPUTime();
      if (name == "BM_scrape_through_a_socket") scrape_ = run.GetAdjustedCPUTime();
    }
    ConsoleReporter::ReportRuns(runs);
  }
  // false when the bar is missed.
  [[nodiscard]] bool print_ratio() const {
    if (own_ > 0 && peer_ > 0) {
      std::printf("prometheus-cpp TextSerializer / own writer, CPU time: %.1f\n", peer_ / own_);
    }
    if (scrape_ > 0) {
      std::printf("scrape of %zu series through a socket, CPU time: %.1f ms (at most %.0f)\n",
                  kCgroups * kSeries, scrape_, kScrapeBar);
    }
    return scrape_ <= kScrapeBar;
  }

 private:
  double scrape_ = 0;
  double own_ = 0;
  double peer_ = 0;
};

std::size_t series_of_one_cgroup() {
  const View one = [] {
    View built;
    built.snapshot = std::make_shared<const cgroup::Snapshot>(
        TimePoint{}, std::vector<cgroup::Sample>{sample(0)});
    return built;
  }();
  const std::string text = render_metrics(one, Exposition::text_0_0_4);
  std::size_t lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  for (std::size_t at = 0; (at = text.find("# ", at)) != std::string::npos; ++at) --lines;
  return lines;
}

}  // namespace

int main(int argc, char** argv) {
  if (const std::size_t series = series_of_one_cgroup(); series != kSeries) {
    std::fprintf(stderr, "a cgroup has %zu series, not %zu: adjust sample()\n", series, kSeries);
    return 1;
  }
  static_cast<void>(scraper());  // before there are threads
  char** const end = std::remove_if(
      argv + 1, argv + argc, [](const char* word) { return std::string_view(word) == "--report"; });
  const bool report = end != argv + argc;
  argc = static_cast<int>(end - argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  RatioReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  return reporter.print_ratio() || report ? 0 : 1;
}
