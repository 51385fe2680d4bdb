#include "cli/command_line.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/agent_config_file.h"
#include "base/text.h"
#include "cli/command_words.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/exit_code.h"
#include "cli/policy_check_options.h"
#include "cli/policy_options.h"
#include "cli/recording_options.h"
#include "cli/shared_options.h"
#include "cli/simulation_options.h"
#include "cli/terminal.h"
#include "cli/top/top_options.h"
#include "cli/why_options.h"
#include "cli/wrong_usage.h"

namespace cgwarden::cli {
namespace {

// The values that the options are parsed into; must live as long as the App.
struct Values {
  Common common;
  LogsOptions logs;
  WhyOptions why;
  BundleOptions bundle;
  HistoryOptions history;
  DumpOptions dump;
  SimulateOptions simulate;
  EventsOptions events;
  KmsgOptions kmsg;
  AuditOptions audit;
  TopOptions top;
  ImageImportOptions image;
  RunOptions run;
  ExecOptions exec;
  std::string signal = "KILL";
  bool force = false;
  std::vector<std::string> after_dashes;  // the words after "--" of run and exec
  std::string name;
  std::vector<std::string> paths;
  PolicyCheckOptions policy_check;
  RevertOptions revert;
  ExplainOptions explain;
  std::string shell;
  std::string bus = "auto";
  AgentFlags agent;
  bool names_only = false;
  bool sizes = false;
  bool detailed_exit_code = false;
  std::function<int()> chosen;
};

void add_directories(CLI::App& app, Values& values) {
  agent::Options& where = values.common.where;
  app.add_option("--runtime-dir", where.runtime_dir, "State of running workloads")
      ->capture_default_str()
      ->type_name("DIR")
      ->group("Directories");
  app.add_option("--state-dir", where.state_dir, "The verdict store")
      ->capture_default_str()
      ->type_name("DIR")
      ->group("Directories");
  app.add_option("--cgroup-root", where.cgroup_root,
                 "The cgroup v2 mount (default: the one of this machine)")
      ->type_name("DIR")
      ->group("Directories");
}

void add_json(CLI::App& command, Values& values) {
  command.add_flag("--json", values.common.json, "One JSON document instead of text");
}

CLI::App* add_command(CLI::App& parent, Values& values, const std::string& name,
                      const std::string& description, const std::string& example,
                      std::function<int()> action) {
  CLI::App* command = parent.add_subcommand(name, description);
  command->footer("Example:\n  " + example);
  command->callback([&values, action = std::move(action)] { values.chosen = action; });
  add_directories(*command, values);
  return command;
}

void add_network(CLI::App& command, agent::Options& options) {
  const auto add = [&](const char* flag, auto& value, const char* text, const char* type) {
    command.add_option(flag, value, text)
        ->capture_default_str()
        ->type_name(type)
        ->group("Networks of workloads");
  };
  add("--network-bridge", options.network_bridge, "Bridge interface of network: bridge", "NAME");
  add("--network-subnet", options.network_subnet, "IPv4 subnet of the bridge", "ADDRESS/PREFIX");
  add("--network-mtu", options.network_mtu, "Its MTU; 0 is that of the default route", "BYTES");
  add("--cni-config-dir", options.cni_config_dir, "CNI networks of network: {cni: NAME}", "DIR");
  add("--cni-plugin-dir", options.cni_plugin_dirs, "CNI plugins, searched in this order", "DIR");
}

void add_agent(CLI::App& app, Values& values) {
  agent::Options& options = values.common.where;
  auto* command = add_command(
      app, values, "agent", "Run the agent in the foreground",
      "cgwarden agent --policy-dir /etc/cgwarden/policies.d --listen 127.0.0.1:9753", [&values] {
        agent::Options& chosen = values.common.where;
        chosen.bus = values.bus == "off" ? agent::Bus::off : agent::Bus::automatic;
        return run_agent(chosen, values.agent);
      });
  command->add_option("--policy-dir", options.policy_dir, "Policies, *.yaml")
      ->capture_default_str()
      ->type_name("DIR");
  command->add_option("--workload-dir", options.workload_dir, "Workloads started by the agent")
      ->capture_default_str()
      ->type_name("DIR");
  AgentFlags& flags = values.agent;
  command
      ->add_option("--config", flags.config,
                   std::string("A kind: Agent file, which other options override (default: ") +
                       agent::kConfigFile + ", if it is there)")
      ->type_name("FILE");
  command->add_flag("--check", flags.check,
                    "Only say what is wrong in the configuration files; needs no privilege");
  command
      ->add_option("--listen", flags.listen,
                   "Address of /metrics, may be repeated: HOST:PORT or unix:PATH; empty is off "
                   "(default: 127.0.0.1:9753)")
      ->type_name("ADDRESS")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option("--web-config", flags.web_config,
                   "Its TLS and passwords: the web configuration file of Prometheus' exporters")
      ->type_name("FILE");
  command->add_option("--shim", options.shim, "cgwarden-shim (default: found beside this program)")
      ->type_name("FILE");
  add_network(*command, options);
  command->add_option("--bus", values.bus, "D-Bus: auto or off")
      ->capture_default_str()
      ->type_name("MODE")
      ->check(CLI::IsMember({"auto", "off"}));
  command
      ->add_option("--interval", flags.interval_seconds,
                   "Sampling interval, 0.1 to 60 (default: 1)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 60.0));
}

// "$IMAGE" of a script whose variable is empty must not become "no image".
std::string not_empty(const std::string& value) { return value.empty() ? "it is empty" : ""; }

// What a file would say.
void add_run_document(CLI::App& command, RunOptions& run) {
  const auto text = [&command](const char* names, auto& to, const char* help, const char* kind) {
    return command.add_option(names, to, help)
        ->type_name(kind)
        ->allow_extra_args(false)
        ->group("Without FILE");
  };
  text("--name", run.name, "Name of the workload (default: made up)", "TEXT");
  auto* rootfs =
      text("--rootfs", run.rootfs, "Its root directory (default: that of the host)", "DIR");
  text("--image", run.image, "Instead: an imported image, or the path of one; has a command itself",
       "NAME|PATH")
      ->excludes(rootfs)
      ->check(not_empty);
  text("-e,--env", run.env, "Environment: KEY=VALUE, or KEY as it is here", "KEY[=VALUE]");
  text("--mount", run.mounts, "Bind mount: SOURCE:DESTINATION[:ro]", "SPEC");
  text("--cap-add", run.cap_add, "One capability more, or ALL", "CAP");
  text("--cap-drop", run.cap_drop, "One capability less, or ALL", "CAP");
  text("--cwd", run.cwd, "Working directory in the workload", "PATH");
  text("-u,--user", run.user, "UID[:GID]", "IDS");
  text("--hostname", run.hostname, "Host name (default: the name)", "TEXT");
  text("--network", run.network, "none (default) or host", "KIND");
  text("--memory", run.memory, "memory.max, for example 512MiB", "SIZE");
  text("--cpus", run.cpus, "cpu.max, for example 1.5 or 500m", "CORES");
  text("--pids", run.pids, "pids.max", "N");
  command.add_flag("--read-only", run.read_only, "Nothing of the root directory can be changed")
      ->group("Without FILE");
  command.add_flag("--no-init", run.no_init, "The command itself is PID 1")->group("Without FILE");
}

void add_run(CLI::App& app, Values& values) {
  RunOptions& run_options = values.run;
  auto* command =
      add_command(app, values, "run", "Launch a workload through the agent, or in the foreground",
                  "cgwarden run web.yaml\n  cgwarden run --foreground web.yaml\n"
                  "  cgwarden run -it --rm --memory 64MiB -- /bin/sh\n"
                  "  cgwarden run --rm --image ./web.tar",
                  [&values] {
                    values.run.command = values.after_dashes;
                    return run(values.common, values.run);
                  });
  command->add_option("FILE", run_options.file, "A YAML file of kind: Workload")->type_name("");
  auto* detach = command->add_flag("-d,--detach", run_options.detach,
                                   "Through the agent, return when it runs (default with FILE)");
  const auto flag = [&](const char* names, bool& to, const char* help) {
    command->add_flag(names, to, help)->excludes(detach);
  };
  flag("--foreground", run_options.foreground,
       "Without the agent; exit as the command does (default with -- COMMAND)");
  flag("-i,--interactive", run_options.interactive, "In the foreground, with this standard input");
  flag("-t,--tty", run_options.terminal, "In the foreground, with a terminal");
  flag("--rm", run_options.remove, "In the foreground; remove its state and logs at the end");
  command
      ->add_option("--cgroup-parent", run_options.cgroup_parent,
                   "In the foreground, below this delegated cgroup (default: cgwarden.slice)")
      ->type_name("PATH")
      ->excludes(detach);
  command->add_option("--shim", values.common.where.shim, "cgwarden-shim (default: found)")
      ->type_name("FILE");
  add_run_document(*command, run_options);
}

CLI::App* add_named(CLI::App& app, Values& values, const std::string& name,
                    const std::string& description, const std::string& example,
                    std::function<int()> action) {
  CLI::App* command = add_command(app, values, name, description, example, std::move(action));
  command->add_option("NAME", values.name, "The workload")->required()->type_name("");
  return command;
}

void add_control_commands(CLI::App& app, Values& values) {
  add_named(app, values, "stop", "Stop a workload; returns when it is gone", "cgwarden stop web",
            [&values] { return stop(values.common, values.name); });
  add_named(app, values, "kill", "Send a signal to a workload's command",
            "cgwarden kill --signal HUP web",
            [&values] { return kill(values.common, values.name, values.signal); })
      ->add_option("-s,--signal", values.signal, "Name or number")
      ->capture_default_str()
      ->type_name("SIGNAL");
  add_named(app, values, "pause", "Let all processes of a workload stand still",
            "cgwarden pause web", [&values] { return pause(values.common, values.name, true); });
  add_named(app, values, "resume", "Let a paused workload go on", "cgwarden resume web",
            [&values] { return pause(values.common, values.name, false); });
  add_named(app, values, "rm", "Remove the state and logs of a workload that has ended",
            "cgwarden rm --force web",
            [&values] { return remove(values.common, values.name, values.force); })
      ->add_flag("-f,--force", values.force, "One that runs too: it is killed");
  auto* all = add_named(app, values, "inspect", "Show all that is known of a workload",
                        "cgwarden inspect web --json",
                        [&values] { return inspect(values.common, values.name); });
  add_utc(*all);
  add_json(*all, values);
}

void add_exec(CLI::App& app, Values& values) {
  ExecOptions& options = values.exec;
  auto* command = add_command(app, values, "exec", "Run one more command in a workload",
                              "cgwarden exec -it web /bin/sh", nullptr);
  command->callback([&values, command] {
    // What follows NAME is the command's, options too.
    auto& words = values.exec.command;
    words = command->remaining();
    words.insert(words.end(), values.after_dashes.begin(), values.after_dashes.end());
    values.chosen = [&values] { return exec(values.common, values.exec); };
  });
  command->prefix_command();
  command->add_option("NAME", options.name, "The workload")->required()->type_name("");
  auto* detach = command->add_flag("-d,--detach", options.detach,
                                   "Return when it runs; its input and output are /dev/null");
  command->add_flag("-i,--interactive", options.interactive, "With this standard input")
      ->excludes(detach);
  command->add_flag("-t,--tty", options.terminal, "With a terminal")->excludes(detach);
  const auto text = [command](const char* names, auto& to, const char* help, const char* kind) {
    command->add_option(names, to, help)->type_name(kind)->allow_extra_args(false);
  };
  text("-u,--user", options.user, "As this user: UID[:GID]", "IDS");
  text("--cwd", options.cwd, "Working directory in the workload", "PATH");
  text("-e,--env", options.env, "One more environment variable: KEY=VALUE", "KEY=VALUE");
  text("--cap-add", options.cap_add, "One capability more", "CAP");
  command->add_option("--shim", values.common.where.shim, "cgwarden-shim (default: found)")
      ->type_name("FILE");
}

void add_workload_commands(CLI::App& app, Values& values) {
  add_run(app, values);

  auto* list =
      add_command(app, values, "ps", "List the workloads", "cgwarden ps --json",
                  [&values] { return ps(values.common, values.names_only, values.sizes); });
  list->add_flag("-q,--quiet", values.names_only, "Names only");
  list->add_flag("-s,--size", values.sizes, "What each workload with layers has written");
  add_utc(*list);
  add_json(*list, values);

  add_control_commands(app, values);
  add_exec(app, values);

  auto* output = add_command(app, values, "logs", "Show what a workload wrote",
                             "cgwarden logs web --stderr -n 20 -f",
                             [&values] { return logs(values.common, values.logs); });
  output->add_option("NAME", values.logs.name, "The workload")->required()->type_name("");
  auto* only_stdout =
      output->add_flag("--stdout", values.logs.only_stdout, "Only its standard output");
  output->add_flag("--stderr", values.logs.only_stderr, "Only its standard error, on stdout")
      ->excludes(only_stdout);
  output->add_flag("-f,--follow", values.logs.follow,
                   "Go on with what it writes, until interrupted");
  output->add_option("-n,--lines,--tail", values.logs.lines, "The last N lines of each stream")
      ->type_name("N");
  add_since(*output, values.logs.since, "What has come since");
  add_utc(*output);

  auto* reason = add_command(app, values, "why", kWhyHelp, kWhyExample,
                             [&values] { return why(values.common, values.why); });
  add_why_options(*reason, values.why, values.common);
  add_bundle_options(*add_command(app, values, "bundle", kBundleHelp, kBundleExample,
                                  [&values] { return bundle(values.common, values.bundle); }),
                     values.bundle);
}

void add_recording(CLI::App& app, Values& values) {
  auto* past = add_command(app, values, "history", kHistoryHelp, kHistoryExample,
                           [&values] { return history(values.common, values.history); });
  add_history_options(*past, values.history, values.common);
  add_dump_options(*add_command(app, values, "dump", kDumpHelp, kDumpExample,
                                [&values] { return dump(values.common, values.dump); }),
                   values.dump);
  auto* live = add_command(app, values, "top", kTopHelp, kTopExample,
                           [&values] { return run_top(values.common, values.top); });
  add_top_options(*live, values.top);
  add_json(*live, values);
  auto* moment = add_command(app, values, "replay", kReplayHelp, kReplayExample,
                             [&values] { return run_replay(values.common, values.top); });
  add_replay_options(*moment, values.top);
  add_json(*moment, values);
}

void add_events(CLI::App& app, Values& values) {
  add_event_options(*add_command(app, values, "events", kEventsHelp, kEventsExample,
                                 [&values] { return events(values.common, values.events); }),
                    values.events);
  add_kmsg_options(*add_command(app, values, "kmsg", kKmsgHelp, kKmsgExample,
                                [&values] { return kmsg(values.common, values.kmsg); }),
                   values.kmsg);
}

void add_audit(CLI::App& app, Values& values) {
  AuditOptions& options = values.audit;
  auto* command =
      add_command(app, values, "audit", "Say how well a container is isolated, ours or not",
                  "cgwarden audit web --fail-on critical", [&values] {
                    if (values.audit.all == values.audit.target.empty()) {
                      return audit(values.common, values.audit);
                    }
                    complain("say what to audit: NAME or --all; see cgwarden audit --help");
                    return kUsage;
                  });
  auto* all = command->add_flag("--all", options.all, "Every container on this node");
  command->add_option("NAME", options.target, "A workload, a container id or a pid")
      ->excludes(all)
      ->type_name("");
  command
      ->add_option("--fail-on", options.fail_on,
                   "Exit with 1 from this severity on: info, low, medium, high, critical or never")
      ->capture_default_str()
      ->type_name("SEVERITY")
      ->check(CLI::IsMember({"info", "low", "medium", "high", "critical", "never"}));
  add_json(*command, values);
}

void add_image_commands(CLI::App& app, Values& values) {
  CLI::App* image = app.add_subcommand("image", "Import, list and remove images for workloads");
  image->require_subcommand(1);
  image->footer("Example:\n  cgwarden image import web.tar");
  auto* import = add_command(*image, values, "import",
                             "Unpack an OCI layout, or a tarball of one or of docker save",
                             "cgwarden image import --name web build/web.tar",
                             [&values] { return image_import(values.common, values.image); });
  import->add_option("SOURCE", values.image.source, "A directory or a tarball")
      ->required()
      ->type_name("");
  import->add_option("--name", values.image.name, "What to call it (default: from SOURCE)")
      ->type_name("NAME");
  import->add_option("--ref", values.image.reference, "Which one of several images in SOURCE")
      ->type_name("REF");
  add_json(*add_command(*image, values, "list", "List the images", "cgwarden image list --json",
                        [&values] { return image_list(values.common); }),
           values);
  add_command(*image, values, "rm", "Remove an image that no workload has", "cgwarden image rm web",
              [&values] { return image_remove(values.common, values.name); })
      ->add_option("IMAGE", values.name, "A name, an id or what was imported")
      ->required()
      ->type_name("");
}

CLI::Option* add_paths(CLI::App& command, Values& values, const char* help) {
  return command.add_option("PATH", values.paths, help)->type_name("");
}

void add_simulations(CLI::App& policy, Values& values) {
  auto* simulate =
      add_command(policy, values, "simulate", kSimulateHelp, kSimulateExample,
                  [&values] { return policy_simulate(values.common, values.simulate); });
  add_simulate_options(*simulate, values.simulate);
  add_json(*simulate, values);
  auto* recommend =
      add_command(policy, values, "recommend", kRecommendHelp, kRecommendExample,
                  [&values] { return policy_recommend(values.common, values.simulate); });
  add_recommend_options(*recommend, values.simulate);
  add_json(*recommend, values);
}

void add_policy_commands(CLI::App& app, Values& values) {
  CLI::App* policy = app.add_subcommand(
      "policy", "Check, plan, apply, explain and simulate policies without an agent");
  policy->require_subcommand(1);
  policy->footer("Example:\n  cgwarden policy plan policies.d");
  auto* check = add_command(*policy, values, "check", kPolicyCheckHelp, kPolicyCheckExample,
                            [&values] { return policy_check(values.common, values.policy_check); });
  add_policy_check_options(*check, values.policy_check);
  add_json(*check, values);
  auto* plan = add_command(*policy, values, "plan", kPolicyPlanHelp, kPolicyPlanExample,
                           [&values] { return policy_plan(values.common, values.paths); });
  add_paths(*plan, values,
            "YAML files, or directories of *.yaml; by default what the agent has in force");
  add_plan_options(*plan, values.detailed_exit_code);
  add_json(*plan, values);
  add_paths(*add_command(*policy, values, "apply", kPolicyApplyHelp, kPolicyApplyExample,
                         [&values] { return policy_apply(values.common, values.paths); }),
            values, "YAML files, or directories of *.yaml")
      ->required();
  add_revert_options(
      *add_command(*policy, values, "revert", kPolicyRevertHelp, kPolicyRevertExample,
                   [&values] { return policy_revert(values.common, values.revert); }),
      values.revert);
  auto* explain = add_command(*policy, values, "explain", kPolicyExplainHelp, kPolicyExplainExample,
                              [&values] { return policy_explain(values.common, values.explain); });
  add_explain_options(*explain, values.explain);
  add_json(*explain, values);
  add_simulations(*policy, values);
}

void add_other_commands(CLI::App& app, Values& values) {
  add_command(app, values, "reload", "Make the agent reread its policies and workloads",
              "cgwarden reload", [] { return reload(); });
  add_json(*add_command(app, values, "doctor",
                        "Say what this machine lacks for cgwarden, and what that costs",
                        "cgwarden doctor --json", [&values] { return doctor(values.common); }),
           values);
  add_json(*add_command(app, values, "version", "Print the version", "cgwarden version --json",
                        [&values] { return version(values.common); }),
           values);
  add_command(app, values, "completion", "Print a completion script for a shell",
              "cgwarden completion bash > /etc/bash_completion.d/cgwarden",
              [&app, &values] {
                print(completion_script(app, values.shell));
                return kOk;
              })
      ->add_option("SHELL", values.shell, "bash, zsh or fish")
      ->required()
      ->type_name("")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
}

}  // namespace

int run_command_line(int argc, const char* const* argv) {
  Values values;
  use_own_directories(values.common.where);
  std::vector<std::string> words(argv + 1, argv + argc);
  values.after_dashes = take_after_dashes(words);
  std::ranges::reverse(words);  // as CLI11 takes them
  CLI::App app("cgroup v2 resource controller, throttling monitor and death diagnosis", "cgwarden");
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0 ok, 1 failed, 2 wrong usage, 3 no such workload, 4 verdict unknown.\n"
      "Example:\n  cgwarden why web");
  app.set_version_flag("--version", version_text(), "Print the version");
  add_directories(app, values);
  add_agent(app, values);
  add_workload_commands(app, values);
  add_recording(app, values);
  add_events(app, values);
  add_audit(app, values);
  add_image_commands(app, values);
  add_policy_commands(app, values);
  add_other_commands(app, values);
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    return wrong_usage(app, error, asks_for_plan(argc, argv));
  }
  return values.chosen();
}

}  // namespace cgwarden::cli
