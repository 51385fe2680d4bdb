// The HTTP endpoint on a free port of 127.0.0.1, with cgroups whose counters grow, until standard
// input ends. Prints the port. The cgroups are made up: what a kernel says is tested in the VM.
#include <poll.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <string>

#include "base/clock.h"
#include "exporters/http_endpoint.h"
#include "tests/exporters/example_view.h"

namespace cgwarden::exporters {
namespace {

constexpr std::uint64_t kSecond = 1'000'000;

class Source final : public WebPageSource {
 public:
  std::string node() const override { return "node-1"; }
  Result<std::vector<diagnosis::Verdict>> verdicts(Usec since,
                                                   std::size_t /*most*/) const override {
    const Usec now = SystemClock().now().wall;
    return std::vector<diagnosis::Verdict>{
        verdict("leaker", diagnosis::VerdictClass::oom_own_limit, now - Usec(600 * kSecond)),
        verdict("<b>bold</b>", diagnosis::VerdictClass::exited, now - Usec(7200 * kSecond)),
        verdict("since", diagnosis::VerdictClass::throttled, since + Usec(kSecond)),
    };
  }
  Result<std::string> why(const std::string& name, bool /*with_last_words*/) const override {
    if (name != "leaker") {
      return fail(Error{ErrorKind::vanished, 0, "find", name, "nothing is known of it"});
    }
    return "leaker was killed by the kernel: it reached its own memory.max.\n<i>last words</i>\n";
  }
  Result<WebPageHistory> history(const std::string& cgroup, Usec /*since*/) const override {
    if (!cgroup.ends_with("/payload")) {
      return fail(Error{ErrorKind::vanished, 0, "read", cgroup, "nothing was recorded of it"});
    }
    WebPageHistory history;
    const std::uint64_t now = SystemClock().now().wall.count();
    for (std::uint64_t i = 600; i > 0; --i) {
      history.wall_usec.push_back(now - i * kSecond);
      const bool gap = i > 300 && i < 330;
      const auto value = [gap](double number) {
        return gap ? std::nullopt : std::optional<double>(number);
      };
      history.cpu_cores.push_back(value(1.0 + 0.4 * std::sin(static_cast<double>(i) / 30)));
      history.throttled_ratio.push_back(value(i < 200 ? 0.6 : 0.0));
      history.memory_bytes.push_back(value(67108864.0 - 80000.0 * static_cast<double>(i)));
      history.memory_max_bytes.push_back(value(67108864.0));
    }
    return history;
  }

 private:
  static diagnosis::Verdict verdict(const std::string& name, diagnosis::VerdictClass kind,
                                    Usec when) {
    diagnosis::Verdict made;
    made.workload = name;
    made.verdict = kind;
    made.confidence = diagnosis::Confidence::proven;
    made.death = kind != diagnosis::VerdictClass::throttled;
    made.when.wall = when;
    made.answer = "It is made up: " + name + ".";
    return made;
  }
};

std::shared_ptr<const View> view_at(std::uint64_t second) {
  auto leaker = full_sample("/cgwarden.slice/leaker.scope/payload", 4711);
  leaker.cpu_stat->usage_usec = second * 1'200'000;
  leaker.cpu_stat->nr_periods = second * 10;
  leaker.cpu_stat->nr_throttled = second * 5;
  auto service = full_sample("/system.slice/quiet.service", 12);
  service.cpu_stat->usage_usec = second * 20'000;
  service.memory_max = LimitOf<Bytes>{Max{}};
  const std::string id(64, 'a');
  auto hostile = bare_sample("/system.slice/docker-" + id + ".scope", 13);
  const TimePoint taken{Usec(second * kSecond), SystemClock().now().wall};
  auto view = std::make_shared<View>();
  view->snapshot = std::make_shared<const cgroup::Snapshot>(
      taken,
      std::vector{bare_sample("/", 1), std::move(leaker), std::move(service), std::move(hostile)});
  identify(*view, id, {.container = "<img src=x onerror=alert(1)>"});
  view->workload_of_cgroup["/cgwarden.slice/leaker.scope/payload"] = "leaker";
  return view;
}

int serve() {
  SelfMetrics metrics;
  auto listeners = Listener::open_all({"127.0.0.1:0"});
  if (!listeners) return 1;
  HttpEndpoint::Options options;
  options.page = std::make_shared<const Source>();
  const auto endpoint = HttpEndpoint::start(*std::move(listeners), metrics, options);
  if (!endpoint) return 1;
  std::printf("%u\n", (*endpoint)->port());
  std::fflush(stdout);
  pollfd input{STDIN_FILENO, POLLIN, 0};
  for (std::uint64_t second = 100;; ++second) {
    (*endpoint)->publish(view_at(second));
    if (::poll(&input, 1, 1000) != 0) return 0;
  }
}

}  // namespace
}  // namespace cgwarden::exporters

int main() { return cgwarden::exporters::serve(); }
