#include "cli/completion.h"

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <vector>

namespace cgwarden::cli {
namespace {

// One command of the tree, as all three shells need it.
struct Node {
  std::string words;  // "policy plan"; empty: the program itself
  std::string name;
  std::string description;
  struct Flag {
    std::vector<std::string> spellings;  // "-q", "--quiet"
    std::string description;
    bool takes_value = false;
    std::string kind;  // type name: "DIR", "FILE", "N"
  };
  std::vector<Flag> flags;
  std::string argument;  // "NAME", "FILE", "PATH", "SHELL" or empty
  std::vector<Node> children;
};

Node node_of(const CLI::App& app, const std::string& words) {
  Node node;
  node.words = words;
  node.name = app.get_name();
  node.description = app.get_description();
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      node.argument = option->get_name(true);
      continue;
    }
    Node::Flag flag;
    for (const auto& letter : option->get_snames()) flag.spellings.push_back("-" + letter);
    for (const auto& word : option->get_lnames()) flag.spellings.push_back("--" + word);
    flag.description = option->get_description();
    flag.takes_value = option->get_items_expected_max() > 0;
    flag.kind = option->get_type_name();
    node.flags.push_back(std::move(flag));
  }
  for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; })) {
    node.children.push_back(
        node_of(*child, words.empty() ? child->get_name() : words + " " + child->get_name()));
  }
  return node;
}

void each(const Node& node, const std::function<void(const Node&)>& visit) {
  visit(node);
  for (const auto& child : node.children) each(child, visit);
}

std::string names(const std::vector<Node>& nodes) {
  std::string text;
  for (const auto& node : nodes) text += (text.empty() ? "" : " ") + node.name;
  return text;
}

std::string spellings(const Node& node) {
  std::string text;
  for (const auto& flag : node.flags) {
    for (const auto& spelling : flag.spellings) text += (text.empty() ? "" : " ") + spelling;
  }
  return text;
}

// Inside single quotes of a shell.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string bash_argument(const Node& node) {
  if (!node.children.empty()) return "words=" + quoted(names(node.children));
  if (node.argument == "NAME") return "words=$(cgwarden ps --quiet 2>/dev/null)";
  if (node.argument == "SHELL") return "words='bash zsh fish'";
  return node.argument.empty() ? "words=''" : "files=1";
}

std::string bash_script(const Node& root) {
  std::string cases;
  std::string commands;
  each(root, [&](const Node& node) {
    cases += "    " + quoted(node.words) + ") flags=" + quoted(spellings(node)) + " " +
             bash_argument(node) + " ;;\n";
    if (!node.words.empty()) commands += (commands.empty() ? "" : "|") + quoted(node.words);
  });
  return R"(# bash completion of cgwarden, made by `cgwarden completion bash`
_cgwarden() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command='' word words='' flags='' files=0 i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="${command:+$command }${COMP_WORDS[i]}"
    case $word in
      )" +
         commands +
         R"() command=$word ;;
    esac
  done
  case $command in
)" + cases +
         R"(  esac
  COMPREPLY=()
  if [[ $previous == --*-dir || $previous == --cgroup-root || $previous == --shim ||
        $previous == --*config ]]; then files=1
  elif [[ $current == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$current"); return
  fi
  if ((files)); then mapfile -t COMPREPLY < <(compgen -f -- "$current")
  else mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
}
complete -o filenames -F _cgwarden cgwarden
)";
}

// Within the brackets of an _arguments specification.
std::string zsh_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_value(const std::string& kind) {
  if (kind == "DIR") return "_files -/";
  if (kind == "FILE" || kind == "PATH") return "_files";
  if (kind == "NAME") return "_cgwarden_workloads";
  if (kind == "SHELL") return "(bash zsh fish)";
  return " ";
}

std::string zsh_function(const std::string& words) {
  std::string name = "_cgwarden" + (words.empty() ? "" : "_" + words);
  for (char& c : name) {
    if (c == ' ' || c == '-') c = '_';
  }
  return name;
}

std::string zsh_script(const Node& root) {
  std::string text =
      "#compdef cgwarden\n# zsh completion of cgwarden, made by `cgwarden completion zsh`\n"
      "_cgwarden_workloads() {\n  local -a names\n"
      "  names=(${(f)\"$(cgwarden ps --quiet 2>/dev/null)\"})\n  compadd -a names\n}\n";
  each(root, [&](const Node& node) {
    text += zsh_function(node.words) + "() {\n  _arguments -C";
    for (const auto& flag : node.flags) {
      for (const auto& spelling : flag.spellings) {
        text += " \\\n    " +
                quoted(spelling + "[" + zsh_escaped(flag.description) + "]" +
                       (flag.takes_value ? ":" + flag.kind + ":" + zsh_value(flag.kind) : ""));
      }
    }
    if (!node.argument.empty()) {
      text += " \\\n    " + quoted("*:" + node.argument + ":" + zsh_value(node.argument));
    }
    if (node.children.empty()) {
      text += "\n}\n";
      return;
    }
    text += " \\\n    '1:command:(" + names(node.children) + ")' '*::argument:->argument'\n";
    text += "  case $state in\n    argument)\n      case $words[1] in\n";
    for (const auto& child : node.children) {
      text += "        " + child.name + ") " + zsh_function(child.words) + " ;;\n";
    }
    text += "      esac ;;\n  esac\n}\n";
  });
  return text + "compdef _cgwarden cgwarden\n";
}

// fish quotes as the others do, but for the backslash before a quote.
std::string fish_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

// True exactly when the commands of `node` are given and none of its children yet.
std::string fish_condition(const Node& node) {
  if (node.words.empty()) return "__fish_use_subcommand";
  std::string condition;
  std::string rest = node.words;
  while (!rest.empty()) {
    const std::size_t blank = rest.find(' ');
    condition += (condition.empty() ? "" : "; and ");
    condition += "__fish_seen_subcommand_from " + rest.substr(0, blank);
    rest = blank == std::string::npos ? "" : rest.substr(blank + 1);
  }
  if (!node.children.empty()) {
    condition += "; and not __fish_seen_subcommand_from " + names(node.children);
  }
  return condition;
}

std::string fish_script(const Node& root) {
  std::string text =
      "# fish completion of cgwarden, made by `cgwarden completion fish`\n"
      "complete -c cgwarden -f\n";
  each(root, [&](const Node& node) {
    const std::string start = "complete -c cgwarden -n " + fish_quoted(fish_condition(node));
    for (const auto& child : node.children) {
      text +=
          start + " -a " + fish_quoted(child.name) + " -d " + fish_quoted(child.description) + "\n";
    }
    if (node.argument == "NAME") text += start + " -a '(cgwarden ps --quiet 2>/dev/null)'\n";
    if (node.argument == "SHELL") text += start + " -a 'bash zsh fish'\n";
    if (node.argument == "FILE" || node.argument == "PATH") text += start + " -F\n";
    for (const auto& flag : node.flags) {
      text += start;
      for (const auto& spelling : flag.spellings) {
        text +=
            spelling.starts_with("--") ? " -l " + spelling.substr(2) : " -s " + spelling.substr(1);
      }
      if (flag.takes_value) text += flag.kind == "DIR" || flag.kind == "FILE" ? " -r -F" : " -x";
      text += " -d " + fish_quoted(flag.description) + "\n";
    }
  });
  return text;
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
  const Node root = node_of(app, "");
  if (shell == "bash") return bash_script(root);
  if (shell == "zsh") return zsh_script(root);
  return fish_script(root);
}

}  // namespace cgwarden::cli
