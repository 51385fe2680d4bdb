// The scope host against a stand-in for systemd's manager on a bus of the test's own. The real
// systemd is met in tests/vm.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sdbus-c++/sdbus-c++.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "agent/event_loop.h"
#include "agent/scope_host.h"
#include "tests/agent/private_bus.h"

namespace cgwarden::agent {
namespace {

using testing::HasSubstr;

constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kJob = "/org/freedesktop/systemd1/job/7";
constexpr const char* kUnitPath = "/org/freedesktop/systemd1/unit/web_2escope";

using Property = sdbus::Struct<std::string, sdbus::Variant>;
using Auxiliary = std::vector<sdbus::Struct<std::string, std::vector<Property>>>;

// What the manager of the test does; its thread and the test's share it.
struct Script {
  std::string job_result = "done";
  bool removed_before_reply = false;
  int exists_times = 0;  // StartTransientUnit answers UnitExists so often first
  std::string state_of_existing = "failed";
  bool subscribed = false;
  int resets = 0;
  std::string stopped;
  std::string unit;
  std::string mode;
  std::map<std::string, sdbus::Variant> properties;
};

class FakeSystemd {
 public:
  FakeSystemd() : connection_(sdbus::createSystemBusConnection()) {
    manager_ = sdbus::createObject(*connection_, "/org/freedesktop/systemd1");
    manager_->registerMethod("Subscribe").onInterface(kManager).implementedAs([this] {
      with([](Script& script) { script.subscribed = true; });
    });
    manager_->registerMethod("StartTransientUnit")
        .onInterface(kManager)
        .implementedAs(
            [this](sdbus::Result<sdbus::ObjectPath>&& result, const std::string& unit,
                   const std::string& mode, const std::vector<Property>& properties,
                   const Auxiliary&) { start(std::move(result), unit, mode, properties); });
    manager_->registerMethod("GetUnit").onInterface(kManager).implementedAs(
        [](const std::string&) { return sdbus::ObjectPath(kUnitPath); });
    manager_->registerMethod("ResetFailedUnit")
        .onInterface(kManager)
        .implementedAs([this](const std::string&) { with([](Script& s) { ++s.resets; }); });
    manager_->registerMethod("StopUnit")
        .onInterface(kManager)
        .implementedAs([this](const std::string& unit, const std::string&) -> sdbus::ObjectPath {
          with([&](Script& script) { script.stopped = unit; });
          throw sdbus::Error("org.freedesktop.systemd1.NoSuchUnit", "Unit not loaded.");
        });
    manager_->registerSignal("JobRemoved")
        .onInterface(kManager)
        .withParameters<std::uint32_t, sdbus::ObjectPath, std::string, std::string>();
    manager_->finishRegistration();
    unit_ = sdbus::createObject(*connection_, kUnitPath);
    unit_->registerProperty("ControlGroup")
        .onInterface("org.freedesktop.systemd1.Scope")
        .withGetter([] { return std::string("/elsewhere.slice/web.scope"); });
    unit_->registerProperty("ActiveState")
        .onInterface("org.freedesktop.systemd1.Unit")
        .withGetter([this] { return with([](Script& s) { return s.state_of_existing; }); });
    unit_->finishRegistration();
    connection_->requestName("org.freedesktop.systemd1");
    connection_->enterEventLoopAsync();
  }
  ~FakeSystemd() { connection_->leaveEventLoop(); }

  template <typename F>
  std::invoke_result_t<F, Script&> with(F f) {
    const std::lock_guard lock(mutex_);
    return f(script_);
  }

 private:
  void start(sdbus::Result<sdbus::ObjectPath>&& result, const std::string& unit,
             const std::string& mode, const std::vector<Property>& properties) {
    const bool exists = with([&](Script& script) {
      script.unit = unit;
      script.mode = mode;
      for (const auto& property : properties)
        script.properties[property.get<0>()] = property.get<1>();
      return script.exists_times-- > 0;
    });
    if (exists) {
      result.returnError(sdbus::Error("org.freedesktop.systemd1.UnitExists", "Unit exists."));
      return;
    }
    const auto removed = [&] {
      manager_->emitSignal("JobRemoved")
          .onInterface(kManager)
          .withArguments(std::uint32_t{7}, sdbus::ObjectPath(kJob), unit,
                         with([](Script& script) { return script.job_result; }));
    };
    // An end of another job of the same unit is nobody's.
    manager_->emitSignal("JobRemoved")
        .onInterface(kManager)
        .withArguments(std::uint32_t{6}, sdbus::ObjectPath("/org/freedesktop/systemd1/job/6"), unit,
                       std::string("canceled"));
    const bool early = with([](Script& script) { return script.removed_before_reply; });
    if (early) removed();
    result.returnResults(sdbus::ObjectPath(kJob));
    if (!early) removed();
  }

  std::mutex mutex_;
  Script script_;
  std::unique_ptr<sdbus::IConnection> connection_;
  std::unique_ptr<sdbus::IObject> manager_;
  std::unique_ptr<sdbus::IObject> unit_;
};

class SystemdScopeHostTest : public testing::Test {
 protected:
  SystemdScopeHostTest() : loop_(std::move(*EventLoop::create())) {}
  void SetUp() override {
    auto host = make_systemd_scope_host(*loop_);
    ASSERT_TRUE(host) << host.error().sentence();
    host_ = std::move(*host);
  }
  Result<std::string> create() {
    std::optional<Result<std::string>> answer;
    host_->create("web", 4242, [&](Result<std::string> scope) {
      answer = std::move(scope);
      loop_->stop();
    });
    auto deadline = loop_->timer(Usec(20'000'000), Usec{0}, [&] { loop_->stop(); });
    if (!answer) {
      EXPECT_TRUE(loop_->run());
    }
    if (!answer) return fail(Error{ErrorKind::io, 0, "", "", "no answer at all"});
    return *answer;
  }

  PrivateBus bus_;
  std::unique_ptr<FakeSystemd> systemd_ = std::make_unique<FakeSystemd>();
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<ScopeHost> host_;
};

TEST_F(SystemdScopeHostTest, TheScopeIsDelegatedAndItsPathIsAskedFor) {
  const auto scope = create();
  ASSERT_TRUE(scope) << scope.error().sentence();
  EXPECT_EQ(*scope, "/elsewhere.slice/web.scope");
  systemd_->with([](Script& script) {
    EXPECT_TRUE(script.subscribed);
    EXPECT_EQ(script.unit, "web.scope");
    EXPECT_EQ(script.mode, "fail");
    EXPECT_EQ(script.properties.at("PIDs").get<std::vector<std::uint32_t>>(),
              std::vector<std::uint32_t>{4242});
    EXPECT_TRUE(script.properties.at("Delegate").get<bool>());
    EXPECT_EQ(script.properties.at("Slice").get<std::string>(), "cgwarden.slice");
    EXPECT_EQ(script.properties.at("CollectMode").get<std::string>(), "inactive-or-failed");
    EXPECT_GT(script.properties.at("TimeoutStopUSec").get<std::uint64_t>(), 0U);
  });
}

TEST_F(SystemdScopeHostTest, AJobThatEndsBeforeTheCallIsAnsweredIsNotMissed) {
  systemd_->with([](Script& script) { script.removed_before_reply = true; });
  const auto scope = create();
  ASSERT_TRUE(scope) << scope.error().sentence();
}

TEST_F(SystemdScopeHostTest, AFailedJobIsAnErrorWithItsResult) {
  systemd_->with([](Script& script) { script.job_result = "failed"; });
  const auto scope = create();
  ASSERT_FALSE(scope);
  EXPECT_THAT(scope.error().sentence(), HasSubstr("'failed'"));
}

TEST_F(SystemdScopeHostTest, AFailedUnitOfThatNameIsResetAndItsPlaceTaken) {
  systemd_->with([](Script& script) { script.exists_times = 1; });
  ASSERT_TRUE(create());
  systemd_->with([](Script& script) { EXPECT_EQ(script.resets, 1); });
}

TEST_F(SystemdScopeHostTest, ALivingUnitOfThatNameIsLeftAlone) {
  systemd_->with([](Script& script) {
    script.exists_times = 1;
    script.state_of_existing = "active";
  });
  const auto scope = create();
  ASSERT_FALSE(scope);
  EXPECT_EQ(scope.error().kind, ErrorKind::busy);
  EXPECT_THAT(scope.error().sentence(), HasSubstr("systemctl stop web.scope"));
  systemd_->with([](Script& script) { EXPECT_EQ(script.resets, 0); });
}

TEST_F(SystemdScopeHostTest, AUnitThatIsGoingIsWaitedFor) {
  systemd_->with([](Script& script) {
    script.exists_times = 2;
    script.state_of_existing = "deactivating";
  });
  ASSERT_TRUE(create());
}

TEST_F(SystemdScopeHostTest, RemovingWhatIsGoneIsSuccess) {
  EXPECT_TRUE(host_->remove("web"));
  ASSERT_TRUE(create());  // and its answer, NoSuchUnit, is no failure
  systemd_->with([](Script& script) { EXPECT_EQ(script.stopped, "web.scope"); });
}

TEST_F(SystemdScopeHostTest, AManagerThatDiesEndsTheWaiting) {
  std::optional<Result<std::string>> answer;
  systemd_->with([](Script& script) {
    script.exists_times = 1'000'000;
    script.state_of_existing = "deactivating";
  });
  host_->create("web", 4242, [&](Result<std::string> scope) {
    answer = std::move(scope);
    loop_->stop();
  });
  auto end = loop_->timer(Usec(20'000), Usec{0}, [&] { systemd_.reset(); });
  ASSERT_TRUE(loop_->run());
  ASSERT_TRUE(answer);
  EXPECT_FALSE(*answer);
}

TEST(SystemdScopeHostWithoutBus, SaysSo) {
  for (const char* name : kAddresses) ::setenv(name, "unix:path=/nonexistent/bus", 1);
  const auto loop = std::move(*EventLoop::create());
  const auto host = make_systemd_scope_host(*loop);
  for (const char* name : kAddresses) ::unsetenv(name);
  ASSERT_FALSE(host);
  EXPECT_EQ(host.error().kind, ErrorKind::not_supported);
}

}  // namespace
}  // namespace cgwarden::agent
