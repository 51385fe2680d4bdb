#include "launcher/host_uid.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>

#include "base/unique_fd.h"
#include "launcher/clone_child.h"
#include "launcher/helper_process.h"
#include "launcher/peer_credentials.h"

namespace cgwarden::launcher {
namespace {

enum class Stage : int { join, change, there };
struct Answer {
  Stage stage = Stage::join;  // `there`, or what has failed
  int errno_value = 0;
};

Answer become(int user_namespace, uid_t uid) {
  // Who else is in there may neither trace this copy of a host program nor open what it has open.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || ::setns(user_namespace, CLONE_NEWUSER) != 0) {
    return {Stage::join, errno};
  }
  if (::setresuid(uid, uid, uid) != 0) return {Stage::change, errno};
  // Undone by that where fs.suid_dumpable is 1.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return {Stage::join, errno};
  return {Stage::there, 0};
}

}  // namespace

StepResult<std::optional<uid_t>> host_uid(const std::string& path, uid_t uid) {
  const std::string name = "the user namespace " + path;
  const UniqueFd user_namespace(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!user_namespace.valid()) return failed("namespace", name + " cannot be opened");
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return failed("namespace", "no socketpair to a helper");
  }
  const UniqueFd ours(pair[0]);
  UniqueFd theirs(pair[1]);
  const int on = 1;
  if (::setsockopt(ours.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0) {
    return failed("namespace", "SO_PASSCRED");
  }
  const pid_t helper = plain_fork();
  if (helper < 0) return failed("namespace", "no process to enter " + name);
  if (helper == 0) {
    const Answer answer = become(user_namespace.get(), uid);
    ::_exit(::write(theirs.get(), &answer, sizeof(answer)) == sizeof(answer) ? 0 : 1);
  }
  theirs.reset();
  Answer answer;
  const auto sender =
      receive_with_sender(ours.get(), std::as_writable_bytes(std::span(&answer, 1)));
  (void)wait_for_exit(helper);
  if (!sender) return refused("namespace", "the process that enters " + name + " gave no answer");
  if (answer.stage == Stage::there) return sender->uid;
  // setresuid(2): not mapped.
  if (answer.stage == Stage::change && answer.errno_value == EINVAL) return std::nullopt;
  errno = answer.errno_value;
  return failed("namespace", name + (answer.stage == Stage::join
                                         ? " cannot be joined"
                                         : ": uid " + std::to_string(uid) + " cannot be taken"));
}

}  // namespace cgwarden::launcher
