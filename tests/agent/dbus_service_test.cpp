// The bus interface against a real dbus-daemon of the test's own.
#include "agent/dbus_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sdbus-c++/sdbus-c++.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/agent/private_bus.h"

namespace cgwarden::agent {
namespace {

using testing::HasSubstr;

constexpr const char* kName = "io.github.cgwarden.Agent1";
constexpr const char* kPath = "/io/github/cgwarden/Agent1";

class FakeControl final : public Control {
 public:
  std::vector<WorkloadSummary> list() const override {
    return {{.name = "web",
             .state = WorkloadState::running,
             .pid = 4242,
             .incarnation = 3,
             .restarts = 2,
             .started_wall = Usec(1'700'000'000'000'000),
             .cgroup = "/cgwarden.slice/web\n.scope/payload",
             .last_verdict = "OOM_OWN_LIMIT",
             .upper = {}}};
  }
  void launch(const std::string& yaml, const std::string& origin, Done done) override {
    launched = yaml + "|" + origin;
    launch_done = std::move(done);
    if (answer_at_once) launch_done(*answer_at_once);
  }
  void stop(const std::string& name, const std::string& reason, Done done) override {
    stop_reason = reason;
    done(name == "web"
             ? Status{}
             : fail(Error{ErrorKind::vanished, 0, "stop", name, "there is no such workload"}));
  }
  Status kill(const std::string& name, int signal, const std::string& reason) override {
    asked = "kill " + name + " " + std::to_string(signal) + " " + reason;
    return {};
  }
  Status pause(const std::string& name, bool paused) override {
    asked = (paused ? "pause " : "resume ") + name;
    return name == "web" ? Status{} : fail(Error::invalid("pause", name, "it is not running"));
  }
  void remove(const std::string& name, bool force, const std::string& reason, Done done) override {
    asked = "remove " + name + (force ? " by force " : " ") + reason;
    done({});
  }
  Result<std::string> inspect(const std::string& name) const override {
    return "{\"name\":\"" + name + "\"}";
  }
  Status reload() override {
    return fail(Error::invalid("load policies from", "/p", "\np.yaml:1:1: error: \x01 bad"));
  }
  std::string launched;
  std::string stop_reason;
  std::string asked;
  Done launch_done;
  std::optional<Status> answer_at_once;
};

// The service on the loop in this thread, a client in another.
class DbusServiceTest : public testing::Test {
 protected:
  DbusServiceTest() : loop_(std::move(*EventLoop::create())) {
    auto started = DbusService::start(*loop_, control_);
    EXPECT_TRUE(started) << started.error().sentence();
    if (started) service_ = std::move(*started);
  }
  // Runs the loop until `client` is done in its thread.
  void serve(const std::function<void(sdbus::IProxy&)>& client) {
    std::thread thread([&] {
      auto connection = sdbus::createSystemBusConnection();
      {
        auto proxy = sdbus::createProxy(*connection, kName, kPath);
        client(*proxy);
      }
      over_ = true;
    });
    run_until([&] { return over_.load(); });
    thread.join();
  }
  void run_until(const std::function<bool()>& condition) {
    auto tick = loop_->timer(Usec(1000), Usec(1000), [&] {
      if (condition()) loop_->stop();
    });
    auto deadline = loop_->timer(Usec(20'000'000), Usec{0}, [&] {
      ADD_FAILURE() << "waited too long";
      loop_->stop();
    });
    ASSERT_TRUE(tick && deadline);
    ASSERT_TRUE(loop_->run());
  }
  template <typename... Arguments>
  static sdbus::Error error_of(sdbus::IProxy& proxy, const std::string& method,
                               const Arguments&... arguments) {
    try {
      proxy.callMethod(method).onInterface(kName).withArguments(arguments...);
    } catch (const sdbus::Error& error) {
      return error;
    }
    return sdbus::Error("", "");
  }

  PrivateBus bus_;
  FakeControl control_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<DbusService> service_;
  std::atomic<bool> over_ = false;
};

TEST_F(DbusServiceTest, ListGivesEveryField) {
  std::vector<sdbus::Struct<std::string, std::string, std::int32_t, std::uint32_t, std::uint64_t,
                            std::uint64_t, std::string, std::string>>
      rows;
  serve([&](sdbus::IProxy& proxy) {
    proxy.callMethod("List").onInterface(kName).storeResultsTo(rows);
  });
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].get<0>(), "web");
  EXPECT_EQ(rows[0].get<1>(), "running");
  EXPECT_EQ(rows[0].get<2>(), 4242);
  EXPECT_EQ(rows[0].get<3>(), 3U);
  EXPECT_EQ(rows[0].get<4>(), 2U);
  EXPECT_EQ(rows[0].get<5>(), 1'700'000'000'000'000U);
  EXPECT_EQ(rows[0].get<6>(), "/cgwarden.slice/web\n.scope/payload");
  EXPECT_EQ(rows[0].get<7>(), "OOM_OWN_LIMIT");
}

TEST_F(DbusServiceTest, ALaunchIsAnsweredWhenItIsDone) {
  // From a timer, after the handler has long returned.
  auto answer = loop_->timer(Usec(1000), Usec(1000), [&] {
    if (!control_.launch_done || control_.launched.empty()) return;
    control_.launch_done(fail(Error{ErrorKind::busy, 0, "launch", "web", "it is running already"}));
  });
  ASSERT_TRUE(answer);
  serve([&](sdbus::IProxy& proxy) {
    const auto error =
        error_of(proxy, "Launch", std::string("kind: Workload"), std::string("/w.yaml"));
    EXPECT_EQ(error.getName(), "io.github.cgwarden.Error.Busy");
  });
}

TEST_F(DbusServiceTest, ErrorsHaveTheirKindAndSentence) {
  control_.answer_at_once = fail(Error{ErrorKind::not_permitted, 0, "start", "web", "exec: no"});
  serve([&](sdbus::IProxy& proxy) {
    const auto launch = error_of(proxy, "Launch", std::string("y"), std::string("o"));
    EXPECT_EQ(launch.getName(), "io.github.cgwarden.Error.NotPermitted");
    EXPECT_EQ(launch.getMessage(), "cannot start web: exec: no");
    EXPECT_EQ(error_of(proxy, "Stop", std::string("nobody")).getName(),
              "io.github.cgwarden.Error.Vanished");
    const auto reload = error_of(proxy, "Reload");
    EXPECT_EQ(reload.getName(), "io.github.cgwarden.Error.Invalid");
    // Lines stay, control bytes do not.
    EXPECT_EQ(reload.getMessage(), "cannot load policies from /p: \np.yaml:1:1: error: \\x01 bad");
  });
  EXPECT_EQ(control_.launched, "y|o");
}

TEST_F(DbusServiceTest, AStopNamesWhoAsked) {
  serve([&](sdbus::IProxy& proxy) {
    EXPECT_EQ(error_of(proxy, "Stop", std::string("web")).getName(), "");
  });
  EXPECT_EQ(control_.stop_reason,
            "stop asked by uid " + std::to_string(::getuid()) + " over D-Bus");
}

TEST_F(DbusServiceTest, WhatIsAskedOfAWorkloadArrivesWithWhoAsked) {
  const std::string sender = " asked by uid " + std::to_string(::getuid()) + " over D-Bus";
  serve([&](sdbus::IProxy& proxy) {
    EXPECT_EQ(error_of(proxy, "Kill", std::string("web"), std::int32_t{10}).getName(), "");
    EXPECT_EQ(control_.asked, "kill web 10 signal" + sender);
    EXPECT_EQ(error_of(proxy, "Remove", std::string("web"), true).getName(), "");
    EXPECT_EQ(control_.asked, "remove web by force removal" + sender);
    EXPECT_EQ(error_of(proxy, "Pause", std::string("web")).getName(), "");
    EXPECT_EQ(control_.asked, "pause web");
    EXPECT_EQ(error_of(proxy, "Resume", std::string("gone")).getName(),
              "io.github.cgwarden.Error.Invalid");
    EXPECT_EQ(control_.asked, "resume gone");
    std::string document;
    proxy.callMethod("Inspect")
        .onInterface(kName)
        .withArguments(std::string("web"))
        .storeResultsTo(document);
    EXPECT_EQ(document, "{\"name\":\"web\"}");
  });
}

TEST_F(DbusServiceTest, AClientThatLeftDoesNotHurt) {
  serve([&](sdbus::IProxy& proxy) {
    proxy.callMethod("Launch")
        .onInterface(kName)
        .withArguments(std::string("y"), std::string("o"))
        .dontExpectReply();
    // Until the service has seen it: calls of one client are handled in order.
    proxy.callMethod("List").onInterface(kName);
  });
  ASSERT_TRUE(control_.launch_done);
  control_.launch_done({});
  control_.launch_done({});  // a second answer is dropped
}

TEST_F(DbusServiceTest, AnAnswerAfterTheServiceIsGoneIsDropped) {
  serve([&](sdbus::IProxy& proxy) {
    proxy.callMethod("Launch")
        .onInterface(kName)
        .withArguments(std::string("y"), std::string("o"))
        .dontExpectReply();
    proxy.callMethod("List").onInterface(kName);
  });
  service_.reset();
  control_.launch_done({});
}

TEST_F(DbusServiceTest, DeathsAreSignals) {
  std::promise<std::string> heard;
  auto connection = sdbus::createSystemBusConnection();
  auto proxy = sdbus::createProxy(std::move(connection), kName, kPath);  // with a thread of its own
  proxy->uponSignal("Died").onInterface(kName).call(
      [&](const std::string& workload, const std::string& verdict, const std::string& json) {
        heard.set_value(workload + " " + verdict + " " + json);
      });
  proxy->finishRegistration();
  service_->died("web", "EXITED", "{\"version\":1}");
  auto future = heard.get_future();
  run_until([&] { return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
  EXPECT_EQ(future.get(), "web EXITED {\"version\":1}");
}

TEST_F(DbusServiceTest, ASecondAgentIsRefusedTheName) {
  const auto second = DbusService::start(*loop_, control_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::not_supported);
  EXPECT_THAT(second.error().sentence(), HasSubstr("another agent"));
}

TEST_F(DbusServiceTest, ABusThatDiesIsSurvived) {
  bus_.kill();
  auto end = loop_->timer(Usec(50'000), Usec{0}, [&] { loop_->stop(); });
  ASSERT_TRUE(loop_->run());
  service_->died("web", "EXITED", "{}");
}

TEST_F(DbusServiceTest, ABusThatHangsIsNotWaitedFor) {
  service_.reset();
  auto started = DbusService::start(*loop_, control_, Usec(10'000));
  ASSERT_TRUE(started) << started.error().sentence();
  service_ = *std::move(started);
  EXPECT_EQ(service_->source().state, SourceState::live);
  bus_.kill();
  {
    SilentBus silent;
    run_until([&] { return silent.is_asked(); });
    int turns = 0;
    run_until([&] { return ++turns >= 20; });
    EXPECT_EQ(service_->source().state, SourceState::off);
    service_->died("web", "EXITED", "{}");
  }
  const PrivateBus again;
  run_until([&] { return service_->source().state == SourceState::live; });
  std::string json;
  serve([&](sdbus::IProxy& proxy) {
    proxy.callMethod("Inspect")
        .onInterface(kName)
        .withArguments(std::string("web"))
        .storeResultsTo(json);
  });
  EXPECT_EQ(json, "{\"name\":\"web\"}");
}

TEST(DbusServiceWithoutBus, SaysSo) {
  ::setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
  FakeControl control;
  const auto loop = std::move(*EventLoop::create());
  const auto service = DbusService::start(*loop, control);
  ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
  ASSERT_FALSE(service);
  EXPECT_EQ(service.error().kind, ErrorKind::not_supported);
}

}  // namespace
}  // namespace cgwarden::agent
