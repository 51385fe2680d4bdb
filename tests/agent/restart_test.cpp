#include "agent/restart.h"

#include <gtest/gtest.h>

#include <csignal>

#include "base/limits.h"

namespace cgwarden::agent {
namespace {

using Next = RestartDecision::Next;
using policy::RestartPolicy;

launcher::ExitRecord exited(int code, std::uint64_t ran_usec = 1000) {
  launcher::ExitRecord record;
  record.incarnation = 1;
  record.started.boottime = Usec{5'000'000};
  record.ended.boottime = record.started.boottime + Usec{ran_usec};
  record.wait = launcher::WaitStatus{CLD_EXITED, code};
  return record;
}

launcher::ExitRecord not_started() {
  launcher::ExitRecord record = exited(0, 0);
  record.wait.reset();
  record.launch_error = launcher::LaunchError{"exec", 2, "/bin/none"};
  return record;
}

policy::Restart restart(RestartPolicy policy) {
  policy::Restart restart;
  restart.policy = policy;
  return restart;
}

AgentNote note_of(unsigned incarnation) {
  AgentNote note;
  note.incarnation = incarnation;
  return note;
}

TEST(RestartTest, ThePolicySaysWhichEndsAreFollowedByAStart) {
  const auto next = [](RestartPolicy policy, const launcher::ExitRecord& record) {
    AgentNote note = note_of(1);
    return decide_restart(restart(policy), record, note).next;
  };
  EXPECT_EQ(next(RestartPolicy::no, exited(1)), Next::finished);
  EXPECT_EQ(next(RestartPolicy::on_failure, exited(0)), Next::finished);
  EXPECT_EQ(next(RestartPolicy::on_failure, exited(1)), Next::restart);
  EXPECT_EQ(next(RestartPolicy::on_failure, not_started()), Next::restart);
  EXPECT_EQ(next(RestartPolicy::always, exited(0)), Next::restart);
}

TEST(RestartTest, AnEndByTheHealthCheckIsAFailureWhateverItsStatus) {
  AgentNote note = note_of(3);
  note.unhealthy_incarnation = 3;
  EXPECT_EQ(decide_restart(restart(RestartPolicy::on_failure), exited(0), note).next,
            Next::restart);
  AgentNote older = note_of(3);
  older.unhealthy_incarnation = 2;
  EXPECT_EQ(decide_restart(restart(RestartPolicy::on_failure), exited(0), older).next,
            Next::finished);
  EXPECT_EQ(restart_reason(exited(0), diagnosis::VerdictClass::exited, true), "unhealthy");
}

TEST(RestartTest, AStopIsFinal) {
  AgentNote note = note_of(1);
  note.wanted = false;
  EXPECT_EQ(decide_restart(restart(RestartPolicy::always), exited(1), note).next, Next::finished);
}

TEST(RestartTest, TheDecisionIsInTheNote) {
  AgentNote note = note_of(3);
  auto decision = decide_restart(restart(RestartPolicy::no), exited(0), note);
  EXPECT_EQ(decision.next, Next::finished);
  EXPECT_FALSE(note.wanted);
  EXPECT_EQ(note.decided_incarnation, 3U);
  AgentNote again = note_of(4);
  decision = decide_restart(restart(RestartPolicy::always), exited(1), again);
  EXPECT_TRUE(again.wanted);
  EXPECT_EQ(again.decided_incarnation, 4U);
  EXPECT_EQ(again.restarts, 1U);
  EXPECT_EQ(decision.delay, Usec{1'000'000});
  EXPECT_EQ(again.restart_boottime_usec, (exited(1).ended.boottime + decision.delay).count());
}

// A crash between the verdict and the note: the next agent starts from the note as it was and the
// same record.
TEST(RestartTest, AnAgentThatTakesOverDecidesTheSame) {
  policy::Restart policy = restart(RestartPolicy::on_failure);
  policy.max_restarts = 2;
  AgentNote note = note_of(1);
  note.restarts = 1;
  note.failures_in_row = 1;
  AgentNote other = note;
  const auto first = decide_restart(policy, exited(1), note);
  const auto second = decide_restart(policy, exited(1), other);
  EXPECT_EQ(first.next, second.next);
  EXPECT_EQ(first.delay, second.delay);
  EXPECT_EQ(to_json(note), to_json(other));
}

TEST(RestartTest, TheBackoffDoublesToItsCeilingAndALongRunResetsIt) {
  const policy::Restart policy = restart(RestartPolicy::always);
  AgentNote note = note_of(1);
  for (const std::uint64_t seconds : {1U, 2U, 4U, 8U, 16U, 32U, 60U, 60U}) {
    EXPECT_EQ(decide_restart(policy, exited(1), note).delay, Usec{seconds * 1'000'000});
  }
  const auto long_run = exited(1, policy.reset_after.count());
  EXPECT_EQ(decide_restart(policy, long_run, note).delay, Usec{1'000'000});
}

TEST(RestartTest, MaxRestartsIsTheBoundWhereItStands) {
  policy::Restart policy = restart(RestartPolicy::on_failure);
  policy.max_restarts = 20;
  AgentNote note = note_of(1);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(decide_restart(policy, not_started(), note).next, Next::restart);
  }
  EXPECT_EQ(decide_restart(policy, not_started(), note).next, Next::gave_up);
  EXPECT_FALSE(note.wanted);
}

TEST(RestartTest, LaunchesThatKeepFailingAreGivenUpUnlessAlways) {
  AgentNote note = note_of(1);
  const policy::Restart on_failure = restart(RestartPolicy::on_failure);
  for (unsigned i = 1; i < limits::kLaunchFailuresInRow; ++i) {
    EXPECT_EQ(decide_restart(on_failure, not_started(), note).next, Next::restart);
  }
  // One that ran begins a new row.
  EXPECT_EQ(decide_restart(on_failure, exited(1), note).next, Next::restart);
  for (unsigned i = 1; i < limits::kLaunchFailuresInRow; ++i) {
    EXPECT_EQ(decide_restart(on_failure, not_started(), note).next, Next::restart);
  }
  EXPECT_EQ(decide_restart(on_failure, not_started(), note).next, Next::gave_up);
  AgentNote other = note_of(1);
  for (unsigned i = 0; i < 3 * limits::kLaunchFailuresInRow; ++i) {
    EXPECT_EQ(decide_restart(restart(RestartPolicy::always), not_started(), other).next,
              Next::restart);
  }
}

TEST(RestartTest, AFailedLaunchIsTheCallersWhoWaitsForIt) {
  AgentNote note = note_of(1);
  note.unconfirmed = true;
  EXPECT_EQ(decide_restart(restart(RestartPolicy::always), not_started(), note).next,
            Next::finished);
  EXPECT_FALSE(note.wanted);
}

TEST(RestartTest, ReasonsAreThoseOfTheMetric) {
  using diagnosis::VerdictClass;
  EXPECT_EQ(restart_reason(not_started(), VerdictClass::exec_failed), "launch_failure");
  EXPECT_EQ(restart_reason(exited(1), VerdictClass::exited), "exit");
  EXPECT_EQ(restart_reason(exited(137), VerdictClass::oom_own_limit), "oom");
  auto killed = exited(0);
  killed.wait = launcher::WaitStatus{CLD_KILLED, SIGKILL};
  EXPECT_EQ(restart_reason(killed, VerdictClass::killed_by_user), "signal");
}

}  // namespace
}  // namespace cgwarden::agent
