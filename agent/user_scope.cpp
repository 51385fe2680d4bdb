#include "agent/user_scope.h"

#include <sdbus-c++/sdbus-c++.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <utility>
#include <vector>

#include "agent/bus_loop.h"
#include "agent/systemd_manager.h"

namespace cgwarden::agent {
namespace {

constexpr std::chrono::seconds kTimeout{10};

using UnitProperty = sdbus::Struct<std::string, sdbus::Variant>;
using AuxiliaryUnits = std::vector<sdbus::Struct<std::string, std::vector<UnitProperty>>>;

// How the job of one unit ends, whichever comes first: its end or the answer to the call.
class JobEnd {
 public:
  explicit JobEnd(std::string unit) : unit_(std::move(unit)) {}
  void removed(const std::string& unit, const std::string& result) {
    if (unit != unit_ || told_) return;
    told_ = true;
    promise_.set_value(result);
  }
  // Empty: not in time.
  [[nodiscard]] std::string wait() {
    auto future = promise_.get_future();
    return future.wait_for(kTimeout) == std::future_status::ready ? future.get() : std::string();
  }

 private:
  std::string unit_;
  bool told_ = false;  // of the bus' thread alone
  std::promise<std::string> promise_;
};

}  // namespace

Status enter_user_scope(const std::string& unit) {
  JobEnd end(unit);
  std::string result;
  try {
    const auto connection = sdbus::createSessionBusConnection();
    const auto manager = sdbus::createProxy(*connection, kSystemdService, kSystemdPath);
    manager->uponSignal("JobRemoved")
        .onInterface(kSystemdManager)
        .call([&end](std::uint32_t /*id*/, const sdbus::ObjectPath& /*job*/,
                     const std::string& of_unit,
                     const std::string& how) { end.removed(of_unit, how); });
    manager->finishRegistration();
    manager->callMethod("Subscribe").onInterface(kSystemdManager).withTimeout(kTimeout);
    const std::vector<UnitProperty> properties{
        sdbus::make_struct(std::string("Description"), sdbus::Variant(std::string("cgwarden"))),
        sdbus::make_struct(std::string("PIDs"), sdbus::Variant(std::vector<std::uint32_t>{
                                                    static_cast<std::uint32_t>(::getpid())})),
        sdbus::make_struct(std::string("CollectMode"),
                           sdbus::Variant(std::string("inactive-or-failed")))};
    sdbus::ObjectPath job;
    manager->callMethod("StartTransientUnit")
        .onInterface(kSystemdManager)
        .withTimeout(kTimeout)
        .withArguments(unit, std::string("fail"), properties, AuxiliaryUnits{})
        .storeResultsTo(job);
    connection->enterEventLoopAsync();
    result = end.wait();
    connection->leaveEventLoop();
  } catch (const sdbus::Error& error) {
    Error ours = from_bus(error, "make", unit + " by the user's systemd");
    ours.kind = ErrorKind::not_supported;
    return fail(std::move(ours));
  }
  if (result == "done") return {};
  return fail(Error{ErrorKind::io, 0, "make", unit,
                    result.empty() ? "the user's systemd did not do it in 10 seconds"
                                   : "systemd's job ended with the result '" + result + "'"});
}

}  // namespace cgwarden::agent
