#include <algorithm>

#include "identity/host_names.h"
#include "identity/identity_book.h"

#include "agent/cgroup_traits.h"
#include "agent/policy_source.h"
#include "agent/workload_files.h"
#include "agent/workload_view.h"
#include "base/clock.h"
#include "cli/policy_now.h"

namespace cgwarden::cli {
namespace {

// Names of containers and pods are in files of their runtimes; somebody who asks once waits.
std::shared_ptr<const identity::Table> identify(const cgroup::Snapshot& snapshot) {
  identity::IdentityBook book;
  const TimePoint now = SystemClock().now();
  book.observe(snapshot, now);
  auto names = identity::HostNames::open("/");
  if (!names) return book.table();
  names->begin_pass();
  for (const identity::Question& question : book.questions(now, snapshot.samples().size())) {
    const auto answer = names->look_up(question);
    book.answer(question, answer ? *answer : std::nullopt, now);
  }
  return book.table();
}

agent::LabelsOfPayloads labels_now(const std::string& runtime_dir) {
  agent::LabelsOfPayloads labels;
  const auto names = agent::list_workload_names(runtime_dir);
  if (!names) return labels;
  for (const std::string& name : *names) {
    const auto files = agent::read_workload_files(runtime_dir, name);
    if (!files || !files->note) continue;
    auto workload = agent::parse_workload(files->note->yaml, files->note->origin);
    if (workload) labels[agent::summary_of(*files).cgroup] = std::move(workload->labels);
  }
  return labels;
}

}  // namespace

void select_now(const Common& common, const cgroup::Tree& tree, const cgroup::Snapshot& snapshot,
                std::vector<policy::Policy>& policies) {
  const bool any = std::ranges::any_of(
      policies, [](const policy::Policy& policy) { return !policy.selector.empty(); });
  if (!any) return;
  const auto identities = identify(snapshot);
  const agent::LabelsOfPayloads labels = labels_now(common.where.runtime_dir);
  policy::select_cgroups(policies, snapshot.samples(),
                         {[&](const cgroup::Sample& sample) {
                            const identity::Known* known = identities->find(sample.id);
                            return agent::traits_of(
                                sample.path,
                                known != nullptr ? known->identity : identity::Identity{}, labels);
                          },
                          [&](const cgroup::Sample& sample, const std::string& name) {
                            return agent::xattr_of(tree, sample.path, name);
                          }});
}

}  // namespace cgwarden::cli
