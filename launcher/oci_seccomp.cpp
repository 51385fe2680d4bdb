#include "launcher/oci_sections.h"

// "linux.seccomp" of config.json. Whether the names of actions, operators, architectures and flags
// exist is for compile_seccomp() to say, which has the tables.
namespace cgwarden::launcher {
namespace {

using nlohmann::json;

bool takes_errno(const std::string& action) {
  return action == "SCMP_ACT_ERRNO" || action == "SCMP_ACT_TRACE";
}

void read_argument(ObjectReader& reader, SeccompArgument& argument) {
  reader.require(reader.integer("index", argument.index), "index");
  if (argument.index > 5) reader.complain("index", "must be between 0 and 5");
  reader.require(reader.integer("value", argument.value), "value");
  reader.integer("valueTwo", argument.value_two);
  reader.require(reader.string("op", argument.op), "op");
}

void read_rule(ObjectReader& reader, SeccompRule& rule) {
  reader.strings("names", rule.names);
  if (rule.names.empty()) reader.complain("names", "must name a system call");
  reader.require(reader.string("action", rule.action), "action");
  if (reader.integer("errnoRet", rule.errno_ret) && !takes_errno(rule.action)) {
    reader.complain("errnoRet", "cannot stand with the action " + rule.action);
  }
  reader.objects("args", rule.args, read_argument);
}

json write_rule(const SeccompRule& rule) {
  json item{{"names", rule.names}, {"action", rule.action}};
  put_if_given(item, "errnoRet", rule.errno_ret);
  for (const auto& argument : rule.args) {
    json part{{"index", argument.index}, {"value", argument.value}, {"op", argument.op}};
    if (argument.value_two != 0) part["valueTwo"] = argument.value_two;
    item["args"].push_back(std::move(part));
  }
  return item;
}

}  // namespace

void read_seccomp(ObjectReader& reader, Seccomp& seccomp) {
  reader.require(reader.string("defaultAction", seccomp.default_action), "defaultAction");
  if (reader.integer("defaultErrnoRet", seccomp.default_errno_ret) &&
      !takes_errno(seccomp.default_action)) {
    reader.complain("defaultErrnoRet", "cannot stand with the action " + seccomp.default_action);
  }
  reader.strings("architectures", seccomp.architectures);
  if (reader.has("flags")) reader.strings("flags", seccomp.flags.emplace());
  reader.string("listenerPath", seccomp.listener_path);
  reader.string("listenerMetadata", seccomp.listener_metadata);
  if (!seccomp.listener_metadata.empty() && seccomp.listener_path.empty()) {
    reader.complain("listenerMetadata", "needs a listenerPath");
  }
  reader.objects("syscalls", seccomp.syscalls, read_rule);
}

json write_seccomp(const Seccomp& seccomp) {
  json result{{"defaultAction", seccomp.default_action}};
  put_if_given(result, "defaultErrnoRet", seccomp.default_errno_ret);
  put_unless_empty(result, "architectures", seccomp.architectures);
  put_if_given(result, "flags", seccomp.flags);
  put_unless_empty(result, "listenerPath", seccomp.listener_path);
  put_unless_empty(result, "listenerMetadata", seccomp.listener_metadata);
  for (const auto& rule : seccomp.syscalls) result["syscalls"].push_back(write_rule(rule));
  return result;
}

}  // namespace cgwarden::launcher
