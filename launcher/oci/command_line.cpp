#include "launcher/oci/command_line.h"

#include <getopt.h>

#include "base/text.h"

namespace cgwarden::launcher::oci {
namespace {

struct Tables {
  std::vector<option> longs;
  std::string shorts;
};

Tables tables_of(const std::vector<Option>& options, bool stop_at_first) {
  Tables tables;
  // ':' in front: a missing value is told from an unknown option.
  tables.shorts = stop_at_first ? "+:" : ":";
  for (const auto& entry : options) {
    const int argument = entry.value != nullptr ? required_argument : no_argument;
    tables.longs.push_back({entry.name, argument, nullptr, 0});
    if (entry.letter == 0) continue;
    tables.shorts += entry.letter;
    if (entry.value != nullptr) tables.shorts += ':';
  }
  tables.longs.push_back({nullptr, 0, nullptr, 0});
  return tables;
}

const Option* by_letter(const std::vector<Option>& options, int letter) {
  for (const auto& entry : options) {
    if (entry.letter != 0 && entry.letter == letter) return &entry;
  }
  return nullptr;
}

}  // namespace

Outcome<std::vector<std::string>> parse_options(const std::string& command,
                                                const std::vector<std::string>& words,
                                                const std::vector<Option>& options,
                                                bool stop_at_first) {
  const Tables tables = tables_of(options, stop_at_first);
  std::vector<std::string> copies{command};
  copies.insert(copies.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (auto& word : copies) argv.push_back(word.data());
  argv.push_back(nullptr);
  opterr = 0;
  optind = 0;  // glibc: start over
  const int argc = static_cast<int>(copies.size());
  for (;;) {
    int index = -1;
    const int found =
        ::getopt_long(argc, argv.data(), tables.shorts.c_str(), tables.longs.data(), &index);
    if (found == -1) break;
    if (found == '?' || found == ':') {
      const std::string word = argv[static_cast<std::size_t>(optind) - 1];
      return refuse(command + ": " + printable(word) +
                        (found == ':' ? " needs a value" : " is not an option") + "; see " +
                        command + " --help",
                    kUsage);
    }
    const Option* entry =
        found == 0 ? &options[static_cast<std::size_t>(index)] : by_letter(options, found);
    if (entry == nullptr) continue;
    CGW_TRY(entry->take(optarg == nullptr ? "" : optarg));
  }
  return std::vector<std::string>(argv.begin() + optind, argv.begin() + argc);
}

std::function<Outcome<void>(const std::string&)> into(std::string& to) {
  return [&to](const std::string& value) -> Outcome<void> {
    to = value;
    return {};
  };
}

std::function<Outcome<void>(const std::string&)> into(bool& to) {
  return [&to](const std::string&) -> Outcome<void> {
    to = true;
    return {};
  };
}

std::function<Outcome<void>(const std::string&)> into(unsigned& to) {
  return [&to](const std::string& value) -> Outcome<void> {
    const auto number = parse_integer<unsigned>(value);
    if (!number) return refuse("\"" + printable(value) + "\" is not a whole number", kUsage);
    to = *number;
    return {};
  };
}

std::function<Outcome<void>(const std::string&)> into(std::vector<std::string>& to) {
  return [&to](const std::string& value) -> Outcome<void> {
    to.push_back(value);
    return {};
  };
}

std::string describe(const std::vector<Option>& options) {
  constexpr std::size_t kColumn = 30;
  std::string text;
  for (const auto& entry : options) {
    std::string line = entry.letter != 0 ? std::string("  -") + entry.letter + ", --" : "      --";
    line += entry.name;
    if (entry.value != nullptr) line += std::string(" ") + entry.value;
    line += line.size() < kColumn ? std::string(kColumn - line.size(), ' ') : "  ";
    text += line + entry.help + "\n";
  }
  return text;
}

}  // namespace cgwarden::launcher::oci
