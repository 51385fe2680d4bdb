// Help on every surface: --help, the man pages, the completion scripts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/text.h"
#include "tests/cli/command.h"
#include "tests/paths.h"

namespace cgwarden::cli {
namespace {

using testing::Contains;
using testing::HasSubstr;

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// "why", "policy", "policy plan", ...
std::vector<std::vector<std::string>> all_commands() {
  std::vector<std::vector<std::string>> commands;
  for (const auto& name : subcommands_in(cgwarden({"--help"}).out)) {
    commands.push_back({name});
    for (const auto& child : subcommands_in(cgwarden({name, "--help"}).out)) {
      commands.push_back({name, child});
    }
  }
  return commands;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

Outcome help_of(std::vector<std::string> command) {
  command.emplace_back("--help");
  return cgwarden(command);
}

TEST(Help, TheProgramListsItsCommands) {
  const auto names = subcommands_in(cgwarden({"--help"}).out);
  for (const auto* name : {"agent", "run",    "ps",      "stop",   "logs",    "events",    "kmsg",
                           "why",   "bundle", "history", "dump",   "top",     "replay",    "audit",
                           "image", "policy", "reload",  "doctor", "version", "completion"}) {
    EXPECT_THAT(names, Contains(name));
  }
}

TEST(Help, EveryCommandHasHelpWithAnExampleOfItself) {
  const auto commands = all_commands();
  EXPECT_GE(commands.size(), 14U);
  for (const auto& command : commands) {
    const Outcome help = help_of(command);
    EXPECT_EQ(help.exit_code, 0) << joined(command);
    EXPECT_EQ(help.err, "");
    EXPECT_THAT(help.out, HasSubstr("Example:\n  cgwarden " + command.front()));
  }
}

TEST(Help, TheManPageHasEveryCommandAndOption) {
  const std::string page = text_of(in_source("docs/man/cgwarden.1.scd"));
  const std::string agent_page = text_of(in_source("docs/man/cgwarden-agent.8.scd"));
  for (const auto& command : all_commands()) {
    if (subcommands_in(help_of(command).out).empty()) {
      EXPECT_THAT(page, HasSubstr("\n*cgwarden " + joined(command) + "*"));
    }
    const std::string& place = command.front() == "agent" ? agent_page : page;
    for (const auto& option : long_options_in(help_of(command).out)) {
      EXPECT_THAT(place, HasSubstr("*" + option + "*")) << joined(command);
    }
  }
}

TEST(Help, TheManPageHasNoCommandTheProgramLacks) {
  const std::string page = text_of(in_source("docs/man/cgwarden.1.scd"));
  std::vector<std::string> known;
  for (const auto& command : all_commands()) known.push_back(joined(command));
  std::size_t seen = 0;
  for (const auto line : split(page, '\n')) {
    static constexpr std::string_view kStart = "*cgwarden ";
    if (!line.starts_with(kStart)) continue;
    const auto rest = line.substr(kStart.size());
    EXPECT_THAT(known, Contains(std::string(rest.substr(0, rest.find('*'))))) << line;
    ++seen;
  }
  EXPECT_GE(seen, 13U);
}

TEST(Help, TheVersionIsACommandAndAnOption) {
  const Outcome option = cgwarden({"--version"});
  EXPECT_EQ(option.exit_code, 0);
  EXPECT_EQ(option.err, "");
  EXPECT_THAT(option.out, testing::MatchesRegex("cgwarden [0-9.]+\n"));
  EXPECT_EQ(option.out, cgwarden({"version"}).out);
}

TEST(Help, RunWantsOneThingToRun) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"run"}, {"run", "web.yaml", "--image", "web"}, {"run", "web.yaml", "--", "true"}}) {
    const Outcome refused = cgwarden(words);
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_THAT(refused.err, HasSubstr("say what to run: FILE, -- COMMAND or --image IMAGE"));
  }
  EXPECT_EQ(cgwarden({"run", "--image", "web", "--rootfs", "/srv"}).exit_code, 2);
}

TEST(Completion, BashAcceptsItsScript) {
  const Outcome script = cgwarden({"completion", "bash"});
  ASSERT_EQ(script.exit_code, 0);
  EXPECT_EQ(run_program({"bash", "-n", "-c", script.out}).err, "");
}

// The script itself, asked as readline asks it.
std::vector<std::string> complete_in_bash(const std::string& words, int word) {
  const std::string script = cgwarden({"completion", "bash"}).out;
  const Outcome asked = run_program({"bash", "-c",
                                     "complete() { :; }\n" + script + "\nCOMP_WORDS=(" + words +
                                         "); COMP_CWORD=" + std::to_string(word) +
                                         "; _cgwarden; printf '%s\\n' \"${COMPREPLY[@]}\""});
  EXPECT_EQ(asked.err, "");
  std::vector<std::string> replies;
  for (const auto reply : split(trim(asked.out), '\n')) replies.emplace_back(reply);
  return replies;
}

TEST(Completion, BashCompletesCommandsNestedCommandsAndOptions) {
  EXPECT_THAT(complete_in_bash("cgwarden w", 1), testing::ElementsAre("why"));
  EXPECT_THAT(
      complete_in_bash("cgwarden policy ''", 2),
      testing::ElementsAre("check", "plan", "apply", "revert", "explain", "simulate", "recommend"));
  EXPECT_THAT(complete_in_bash("cgwarden policy plan --d", 3),
              testing::ElementsAre("--detailed-exitcode"));
  EXPECT_THAT(complete_in_bash("cgwarden completion f", 2), testing::ElementsAre("fish"));
  EXPECT_THAT(complete_in_bash("cgwarden why --inc", 2), testing::ElementsAre("--incarnation"));
  // Files.
  const std::string here = in_source("packaging/age");
  for (const std::string option : {"--config", "--web-config", "--shim"}) {
    EXPECT_THAT(complete_in_bash("cgwarden agent " + option + " " + here, 3),
                testing::ElementsAre(here + "nt.yaml"));
  }
}

TEST(Completion, EveryShellKnowsEveryCommand) {
  for (const auto* shell : {"bash", "zsh", "fish"}) {
    const Outcome script = cgwarden({"completion", shell});
    EXPECT_EQ(script.exit_code, 0);
    for (const auto& command : all_commands()) {
      EXPECT_THAT(script.out, HasSubstr(command.back())) << shell;
    }
  }
  EXPECT_EQ(cgwarden({"completion", "tcsh"}).exit_code, 2);
}

}  // namespace
}  // namespace cgwarden::cli
