#include "launcher/network_ahead.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <utility>

#include "launcher/namespaces.h"

namespace cgwarden::launcher {
namespace {

// Six system calls need little; less to map than the default of eight megabytes.
constexpr std::size_t kStackBytes = 64 << 10;

// The processors of this process but the one that it runs on. Left to itself the scheduler may keep
// a new thread waiting where its maker runs.
bool other_processors(cpu_set_t& processors, cpu_set_t& all) {
  const int here = ::sched_getcpu();
  if (here < 0 || ::sched_getaffinity(0, sizeof(all), &all) != 0) return false;
  processors = all;
  CPU_CLR(static_cast<std::size_t>(here), &processors);
  return CPU_COUNT(&processors) > 0;
}

}  // namespace

struct NetworkAhead::Maker {
  pthread_t thread{};
  bool running = false;
  bool loopback = false;
  UniqueFd made;
  std::atomic<bool> done = false;
  cpu_set_t all{};  // none: the thread was not kept from any

  // Without malloc(3): a child that is made meanwhile would find its locks taken.
  static void* run(void* argument) {
    auto& maker = *static_cast<Maker*>(argument);
    if (::unshare(CLONE_NEWNET) == 0) {
      maker.made.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
      maker.loopback = raise_loopback();
    }
    maker.done = true;
    return nullptr;
  }

  void begin() {
    pthread_attr_t attributes;
    if (::pthread_attr_init(&attributes) != 0) return;
    ::pthread_attr_setstacksize(&attributes, kStackBytes);
    sigset_t signals;
    ::sigfillset(&signals);
    ::pthread_attr_setsigmask_np(&attributes, &signals);
    cpu_set_t processors;
    if (other_processors(processors, all)) {
      ::pthread_attr_setaffinity_np(&attributes, sizeof(processors), &processors);
    }
    running = ::pthread_create(&thread, &attributes, run, this) == 0;
    ::pthread_attr_destroy(&attributes);
  }

  void wait() {
    // Where it is kept waiting itself (the end of another network namespace takes a processor for
    // milliseconds), it may now have the one that is given up here.
    if (running && !done && CPU_COUNT(&all) > 0) {
      ::pthread_setaffinity_np(thread, sizeof(all), &all);
    }
    if (running) ::pthread_join(thread, nullptr);
    running = false;
  }
};

bool NetworkAhead::fits(const Spec& spec) {
  cpu_set_t processors;
  cpu_set_t all;
  return makes_namespace(spec, NamespaceType::network) &&
         !spec.has_namespace(NamespaceType::user) && !joins_namespace(spec, NamespaceType::mount) &&
         !joins_namespace(spec, NamespaceType::pid) && other_processors(processors, all);
}

NetworkAhead::NetworkAhead() : maker_(std::make_unique<Maker>()) { maker_->begin(); }
NetworkAhead::~NetworkAhead() { maker_->wait(); }

UniqueFd NetworkAhead::take() {
  maker_->wait();
  return maker_->loopback ? std::move(maker_->made) : UniqueFd();
}

Step enter_new_network(const UniqueFd& made) {
  if (made.valid() && ::setns(made.get(), CLONE_NEWNET) == 0) return {};
  if (::unshare(CLONE_NEWNET) != 0) {
    return failed("namespace", errno == ENOSPC
                                   ? "the limit of network namespaces is reached (sysctl "
                                     "user.max_net_namespaces)"
                                   : "a new network namespace cannot be made");
  }
  return bring_up_loopback();
}

}  // namespace cgwarden::launcher
