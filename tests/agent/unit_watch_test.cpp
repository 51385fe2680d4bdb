#include "agent/unit_watch.h"

#include <gmock/gmock.h>
#include <sdbus-c++/sdbus-c++.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/systemd_manager.h"
#include "tests/agent/private_bus.h"
#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

using testing::HasSubstr;
using Values = std::map<std::string, sdbus::Variant>;

constexpr const char* kUnitInterface = "org.freedesktop.systemd1.Unit";
constexpr const char* kServiceInterface = "org.freedesktop.systemd1.Service";
constexpr const char* kWebUnit = "/org/freedesktop/systemd1/unit/web_2eservice";
// Long after everything that the watch has seen so far.
constexpr std::uint64_t kLater = std::uint64_t{1} << 60;

// The manager of services, as far as the watch asks for it; sdbus-c++ answers in a thread of its
// own.
class SystemdOfUnits {
 public:
  explicit SystemdOfUnits(bool subscribes = true)
      : connection_(sdbus::createSystemBusConnection(kSystemdService)) {
    manager_ = sdbus::createObject(*connection_, kSystemdPath);
    manager_->registerMethod("Subscribe")
        .onInterface(kSystemdManager)
        .implementedAs([this, subscribes] {
          ++subscribed_;
          if (!subscribes) throw sdbus::Error("org.freedesktop.DBus.Error.AccessDenied", "not you");
        });
    manager_->finishRegistration();
    unit_ = sdbus::createObject(*connection_, kWebUnit);
    thread_ = std::thread([this] {
      try {
        connection_->enterEventLoop();
      } catch (const sdbus::Error&) {  // the bus was killed
      }
    });
  }
  ~SystemdOfUnits() {
    connection_->leaveEventLoop();
    thread_.join();
    unit_.reset();
    manager_.reset();
  }
  SystemdOfUnits(const SystemdOfUnits&) = delete;
  SystemdOfUnits& operator=(const SystemdOfUnits&) = delete;

  [[nodiscard]] int subscribed() const { return subscribed_; }

  void changed(const char* interface, const Values& values) {
    unit_->emitSignal("PropertiesChanged")
        .onInterface("org.freedesktop.DBus.Properties")
        .withArguments(std::string(interface), values, std::vector<std::string>{"Unused"});
  }
  void removed() {
    manager_->emitSignal("UnitRemoved")
        .onInterface(kSystemdManager)
        .withArguments(std::string("web.service"), sdbus::ObjectPath(kWebUnit));
  }
  // One run of web.service from its start to its end with exit code `status`.
  void run_and_end(std::uint8_t invocation, std::uint64_t started, std::int32_t status,
                   std::uint32_t restarts) {
    changed(kServiceInterface, service(0, 0, 0, restarts));
    changed(kUnitInterface, unit("active", "running", invocation, started, started, 0));
    changed(kServiceInterface, service(CLD_EXITED, status, started + 100, restarts));
    changed(kUnitInterface,
            unit("failed", "failed", invocation, started, started + 101, started + 100));
  }

 private:
  static Values unit(const std::string& active, const std::string& sub, std::uint8_t invocation,
                     std::uint64_t started, std::uint64_t change, std::uint64_t active_exit) {
    return {{"ActiveState", active},
            {"SubState", sub},
            {"InvocationID", std::vector<std::uint8_t>(16, invocation)},
            {"InactiveExitTimestampMonotonic", started},
            {"ActiveExitTimestampMonotonic", active_exit},
            {"StateChangeTimestampMonotonic", change},
            // Nobody asks for it, and it is no basic type.
            {"Job", sdbus::Struct<std::uint32_t, sdbus::ObjectPath>(0U, sdbus::ObjectPath("/"))}};
  }
  static Values service(std::int32_t code, std::int32_t status, std::uint64_t ended,
                        std::uint32_t restarts) {
    return {{"Result", std::string(code == 0 ? "success" : "exit-code")},
            {"NRestarts", restarts},
            {"ExecMainPID", std::uint32_t{42}},
            {"ExecMainCode", code},
            {"ExecMainStatus", status},
            {"ExecMainExitTimestampMonotonic", ended}};
  }

  std::atomic<int> subscribed_ = 0;
  std::unique_ptr<sdbus::IConnection> connection_;
  std::unique_ptr<sdbus::IObject> manager_;
  std::unique_ptr<sdbus::IObject> unit_;
  std::thread thread_;
};

class UnitWatchTest : public testing::Test {
 protected:
  UnitWatchTest() : loop_(std::move(*EventLoop::create())) {}

  void start(UnitWatch::Times times = {.answer = Usec(10'000'000), .retry = Usec(10'000)}) {
    watch_ = UnitWatch::start(
        *loop_, clock_, metrics_,
        [this](const UnitTracker::News& news) {
          ends_.insert(ends_.end(), news.ends.begin(), news.ends.end());
          for (const auto& restart : news.restarts) restarts_.push_back(restart.unit);
        },
        times,
        [this](const std::string& cgroup, const std::string& reason) {
          killed_.push_back(cgroup + " for " + reason);
        });
  }
  void run_until(const std::function<bool()>& condition) {
    auto tick = loop_->timer(Usec(1000), Usec(1000), [&] {
      ++turns_;
      if (condition()) loop_->stop();
    });
    auto deadline = loop_->timer(Usec(60'000'000), Usec{0}, [&] {
      ADD_FAILURE() << "waited too long: " << watch_->source().why;
      loop_->stop();
    });
    ASSERT_TRUE(tick && deadline);
    loop_ended_ = loop_->run().has_value();
    ASSERT_TRUE(loop_ended_);
  }
  [[nodiscard]] bool is_live() const { return watch_->source().state == SourceState::live; }
  [[nodiscard]] bool works_by_metrics() const {
    return metrics_.render(exporters::Exposition::text_0_0_4)
               .find("cgwarden_agent_unit_watch_working 1\n") != std::string::npos;
  }

  SystemClock clock_;
  exporters::SelfMetrics metrics_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<UnitWatch> watch_;
  std::vector<diagnosis::UnitEnd> ends_;
  std::vector<std::string> restarts_;
  std::vector<std::string> killed_;
  std::uint64_t turns_ = 0;
  bool loop_ended_ = false;
};

TEST_F(UnitWatchTest, TellsOfAnEndAndARestart) {
  const PrivateBus bus;
  SystemdOfUnits systemd;
  start();
  run_until([&] { return is_live(); });
  EXPECT_EQ(systemd.subscribed(), 1);
  EXPECT_TRUE(works_by_metrics());
  systemd.run_and_end(1, kLater, 3, 0);
  run_until([&] { return !ends_.empty(); });
  EXPECT_EQ(ends_.front().unit, "web.service");
  EXPECT_EQ(ends_.front().result, "exit-code");
  EXPECT_EQ(ends_.front().code, CLD_EXITED);
  EXPECT_EQ(ends_.front().status, 3);
  EXPECT_EQ(ends_.front().main_pid, 42);
  systemd.run_and_end(2, kLater + 1000, 4, 1);
  run_until([&] { return ends_.size() == 2 && !restarts_.empty(); });
  EXPECT_EQ(ends_.back().status, 4);
  EXPECT_EQ(restarts_.front(), "web.service");
}

TEST_F(UnitWatchTest, TellsOfAKillBySystemdOomdAndOfNobodyElses) {
  const PrivateBus bus;
  const SystemdOfUnits systemd;
  start();
  run_until([&] { return is_live(); });
  const auto tell = [](const char* name, const char* cgroup) {
    const auto connection = sdbus::createSystemBusConnection(name);
    const auto object = sdbus::createObject(*connection, "/org/freedesktop/oom1");
    object->emitSignal("Killed")
        .onInterface("org.freedesktop.oom1.Manager")
        .withArguments(std::string(cgroup), std::string("memory-pressure"));
    // Answered once the signal before it is out.
    static_cast<void>(connection->getUniqueName());
    connection->releaseName(name);
  };
  tell("org.example.Other", "/forged");
  tell("org.freedesktop.oom1", "/system.slice/web.service");
  run_until([&] { return !killed_.empty(); });
  EXPECT_THAT(killed_, testing::ElementsAre("/system.slice/web.service for memory-pressure"));
}

TEST_F(UnitWatchTest, AHostileSignalIsNoUnit) {
  const PrivateBus bus;
  SystemdOfUnits systemd;
  start();
  run_until([&] { return is_live(); });
  // Types that systemd does not send; then a proper end.
  systemd.changed(kUnitInterface,
                  {{"ActiveState", std::uint32_t{7}}, {"InvocationID", std::string("x")}});
  systemd.changed(kServiceInterface, {{"NRestarts", std::string("many")}, {"ExecMainCode", 1.5}});
  systemd.removed();
  systemd.run_and_end(1, kLater, 5, 0);
  run_until([&] { return !ends_.empty(); });
  EXPECT_EQ(ends_.front().status, 5);
}

TEST_F(UnitWatchTest, SubscribesAgainToANewSystemd) {
  const PrivateBus bus;
  auto systemd = std::make_unique<SystemdOfUnits>();
  start();
  run_until([&] { return is_live(); });
  systemd.reset();
  run_until([&] { return !is_live(); });
  EXPECT_FALSE(works_by_metrics());
  systemd = std::make_unique<SystemdOfUnits>();
  run_until([&] { return is_live() && systemd->subscribed() > 0; });
  systemd->run_and_end(1, kLater, 6, 0);
  run_until([&] { return !ends_.empty(); });
  EXPECT_EQ(ends_.front().status, 6);
}

TEST_F(UnitWatchTest, ARefusalIsSaid) {
  const PrivateBus bus;
  SystemdOfUnits systemd(false);
  start();
  run_until([&] { return systemd.subscribed() > 1; });
  EXPECT_EQ(watch_->source().state, SourceState::off);
  EXPECT_THAT(watch_->source().why, HasSubstr("not you"));
  EXPECT_FALSE(works_by_metrics());
}

TEST_F(UnitWatchTest, ABusThatDiesIsSaid) {
  PrivateBus bus;
  SystemdOfUnits systemd;
  start();
  run_until([&] { return is_live(); });
  bus.kill();
  run_until([&] { return !is_live(); });
  EXPECT_THAT(watch_->source().why, HasSubstr("tried again"));
}

TEST_F(UnitWatchTest, ABusThatNeverAnswersDoesNotHoldUpTheLoop) {
  {
    const SilentBus bus;
    // Much longer than the test waits for anything.
    start({.answer = Usec(3'600'000'000), .retry = Usec(10'000)});
    EXPECT_THAT(watch_->source().why, HasSubstr("not answered yet"));
    run_until([&] { return turns_ >= 20; });
    EXPECT_EQ(watch_->source().state, SourceState::off);
    watch_.reset();  // and its end waits for nothing
    // The patience is over at last.
    start({.answer = Usec(10'000), .retry = Usec(10'000)});
    run_until([&] { return watch_->source().why.find("did not answer") != std::string::npos; });
    EXPECT_FALSE(works_by_metrics());
  }
  // A bus that is well again is used.
  const PrivateBus bus;
  SystemdOfUnits systemd;
  run_until([&] { return is_live(); });
}

TEST_F(UnitWatchTest, NoBusIsSaidAndWaitedFor) {
  const TemporaryDirectory directory;
  for (const char* name : kAddresses) {
    ::setenv(name, ("unix:path=" + directory.path() + "/none").c_str(), 1);
  }
  start();
  EXPECT_EQ(watch_->source().state, SourceState::off);
  const PrivateBus bus;
  SystemdOfUnits systemd;
  run_until([&] { return is_live(); });
}

}  // namespace
}  // namespace cgwarden::agent
