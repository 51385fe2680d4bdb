#pragma once

#include <string>
#include <vector>

#include "launcher/oci/command_line.h"
#include "launcher/oci/failure.h"

// The commands of the OCI runtime command line, one .cpp each. `words` follow the command; the
// answer is the exit status. A command prints its result on stdout and nothing else.
namespace cgwarden::launcher::oci {

using Words = std::vector<std::string>;

Outcome<int> create(const Global& global, const Words& words);
Outcome<int> start(const Global& global, const Words& words);
Outcome<int> run(const Global& global, const Words& words);
Outcome<int> exec(const Global& global, const Words& words);
Outcome<int> state(const Global& global, const Words& words);
Outcome<int> kill(const Global& global, const Words& words);
Outcome<int> remove(const Global& global, const Words& words);  // `delete`
Outcome<int> list(const Global& global, const Words& words);
Outcome<int> ps(const Global& global, const Words& words);
Outcome<int> pause(const Global& global, const Words& words);
Outcome<int> resume(const Global& global, const Words& words);
Outcome<int> update(const Global& global, const Words& words);
Outcome<int> events(const Global& global, const Words& words);
Outcome<int> spec(const Global& global, const Words& words);
Outcome<int> features(const Global& global, const Words& words);

// The one container id that a command takes.
[[nodiscard]] Outcome<std::string> only_id(const std::string& command, const Words& positional);

// Writes a result to stdout.
[[nodiscard]] Outcome<int> print(std::string_view text);

// Help of a command: "Usage" line, text, options.
[[nodiscard]] Outcome<int> print_help(const std::string& usage, const std::string& text,
                                      const std::vector<Option>& options);

}  // namespace cgwarden::launcher::oci
