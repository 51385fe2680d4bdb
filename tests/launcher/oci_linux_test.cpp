#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/launcher/config_text.h"

// "linux" of config.json without "resources".
namespace cgwarden::launcher {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(OciLinuxTest, AllEightNamespacesNewAndByPath) {
  const Spec spec = parsed(linux_document(R"("namespaces":[{"type":"pid"},{"type":"network"},
    {"type":"mount","path":"/proc/1/ns/mnt"},{"type":"ipc"},{"type":"uts"},
    {"type":"user","path":"/proc/1/ns/user"},{"type":"cgroup"},{"type":"time","path":""}])"));
  EXPECT_THAT(
      spec.namespaces,
      ElementsAre(Namespace{NamespaceType::pid, ""}, Namespace{NamespaceType::network, ""},
                  Namespace{NamespaceType::mount, "/proc/1/ns/mnt"},
                  Namespace{NamespaceType::ipc, ""}, Namespace{NamespaceType::uts, ""},
                  Namespace{NamespaceType::user, "/proc/1/ns/user"},
                  Namespace{NamespaceType::cgroup, ""}, Namespace{NamespaceType::time, ""}));
}

TEST(OciLinuxTest, EveryPropertyIsRead) {
  const Spec spec = parsed(linux_document(R"(
    "uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],
    "gidMappings":[{"containerID":1,"hostID":200000,"size":4294967295}],
    "timeOffsets":{"monotonic":{"secs":-5,"nanosecs":999999999},"boottime":{}},
    "devices":[{"path":"/dev/fuse","type":"c","major":10,"minor":229,"fileMode":438,"uid":1,"gid":2},
      {"path":"/run/pipe","type":"p"}],
    "netDevices":{"eth0":{"name":"net%d"},"ens4":{}},
    "cgroupsPath":"/a/b","sysctl":{"net.ipv4.ip_forward":"1"},"rootfsPropagation":"rslave",
    "maskedPaths":["/proc/kcore"],"readonlyPaths":["/proc/sys"],"mountLabel":"a:b:c:s0",
    "personality":{"domain":"LINUX32","flags":[]})"));
  EXPECT_THAT(spec.uid_mappings, ElementsAre(IdMapping{0, 100000, 65536}));
  EXPECT_THAT(spec.gid_mappings, ElementsAre(IdMapping{1, 200000, 4294967295U}));
  EXPECT_THAT(spec.time_offsets, ElementsAre(Pair("boottime", TimeOffset{}),
                                             Pair("monotonic", TimeOffset{-5, 999999999})));
  Device pipe;
  pipe.path = "/run/pipe";
  pipe.type = 'p';
  EXPECT_THAT(spec.devices, ElementsAre(Device{.path = "/dev/fuse",
                                               .type = 'c',
                                               .major = 10,
                                               .minor = 229,
                                               .file_mode = 0666,
                                               .uid = 1,
                                               .gid = 2},
                                        pipe));
  EXPECT_THAT(spec.net_devices,
              ElementsAre(Pair("ens4", NetDevice{}), Pair("eth0", NetDevice{"net%d"})));
  EXPECT_EQ(spec.cgroups_path, "/a/b");
  EXPECT_THAT(spec.sysctl, ElementsAre(Pair("net.ipv4.ip_forward", "1")));
  EXPECT_EQ(spec.rootfs_propagation, "rslave");
  EXPECT_THAT(spec.masked_paths, ElementsAre("/proc/kcore"));
  EXPECT_THAT(spec.readonly_paths, ElementsAre("/proc/sys"));
  EXPECT_EQ(spec.mount_label, "a:b:c:s0");
  EXPECT_EQ(spec.personality, Personality{"LINUX32"});
}

TEST(OciLinuxTest, AFileTypeInTheModeOfADeviceIsDropped) {
  const Spec spec = parsed(linux_document(
      R"("devices":[{"path":"/d","type":"c","major":1,"minor":3,"fileMode":8630}])"));
  EXPECT_EQ(spec.devices.at(0).file_mode, 0666U);
}

TEST(OciLinuxTest, EveryPropertyOfSeccompIsRead) {
  const Spec spec = parsed(linux_document(R"("seccomp":{"defaultAction":"SCMP_ACT_ERRNO",
    "defaultErrnoRet":38,"architectures":["SCMP_ARCH_X86_64"],"flags":["SECCOMP_FILTER_FLAG_LOG"],
    "listenerPath":"/run/s","listenerMetadata":"m","syscalls":[{"names":["clone","dup"],
      "action":"SCMP_ACT_ALLOW","args":[{"index":5,"value":18446744073709551615,"valueTwo":2,
      "op":"SCMP_CMP_MASKED_EQ"}]},{"names":["bpf"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]})"));
  EXPECT_EQ(
      spec.seccomp_config,
      (Seccomp{.default_action = "SCMP_ACT_ERRNO",
               .default_errno_ret = 38,
               .architectures = {"SCMP_ARCH_X86_64"},
               .flags = std::vector<std::string>{"SECCOMP_FILTER_FLAG_LOG"},
               .listener_path = "/run/s",
               .listener_metadata = "m",
               .syscalls = {
                   {.names = {"clone", "dup"},
                    .action = "SCMP_ACT_ALLOW",
                    .errno_ret = std::nullopt,
                    .args = {{5, ~0ULL, 2, "SCMP_CMP_MASKED_EQ"}}},
                   {.names = {"bpf"}, .action = "SCMP_ACT_ERRNO", .errno_ret = 1, .args = {}}}}));
}

TEST(OciLinuxTest, NoFlagsOfSeccompAreNotTheSameAsNoneGiven) {
  const auto flags = [](const char* given) {
    return parsed(linux_document(std::string(R"("seccomp":{"defaultAction":"SCMP_ACT_ALLOW")") +
                                 given + "}"))
        .seccomp_config->flags;
  };
  EXPECT_EQ(flags(""), std::nullopt);
  EXPECT_EQ(flags(R"(,"flags":null)"), std::nullopt);
  EXPECT_EQ(flags(R"(,"flags":[])"), std::vector<std::string>{});
}

TEST(OciLinuxTest, BadValuesAreRefusedByName) {
  const Refusal cases[] = {
      {R"("intelRdt":{"closID":"x"})", "linux.intelRdt is not supported"},
      {R"("memoryPolicy":{})", "linux.memoryPolicy.mode is missing"},
      {R"("memoryPolicy":{"mode":"MPOL_NO"})",
       "linux.memoryPolicy.mode is not a mode of set_mempolicy(2)"},
      {R"("memoryPolicy":{"mode":"MPOL_BIND","flags":["MPOL_F_NO"]})",
       "linux.memoryPolicy.flags has a flag that set_mempolicy(2) has not"},
      {R"("memoryPolicy":{"mode":"MPOL_BIND","nodes":0})",
       "linux.memoryPolicy.nodes must be a string"},
      {R"("namespaces":[{"type":"mnt"}])", "linux.namespaces[0].type \"mnt\" is not supported"},
      {R"("namespaces":[{"path":"/x"}])", "linux.namespaces[0].type is missing"},
      {R"("namespaces":[{"type":"pid"},{"type":"pid"}])",
       "linux.namespaces[1] repeats the namespace pid"},
      {R"("namespaces":[{"type":"pid","path":"x"}])",
       "linux.namespaces[0].path must be an absolute path"},
      {R"("uidMappings":[{"containerID":0,"size":1}])", "linux.uidMappings[0].hostID is missing"},
      {R"("gidMappings":[{"containerID":0,"hostID":-1,"size":1}])",
       "linux.gidMappings[0].hostID must be a whole number in range"},
      {R"("timeOffsets":{"realtime":{"secs":1}})",
       "linux.timeOffsets.realtime is not supported: only monotonic and boottime have offsets"},
      {R"("timeOffsets":{"boottime":{"nanosecs":1000000000}})",
       "linux.timeOffsets.boottime.nanosecs must be below 1000000000"},
      {R"("devices":[{"type":"c","major":1,"minor":1}])", "linux.devices[0].path is missing"},
      {R"("devices":[{"path":"x","type":"c","major":1,"minor":1}])",
       "linux.devices[0].path must be an absolute path"},
      {R"("devices":[{"path":"/x","type":"f","major":1,"minor":1}])",
       "linux.devices[0].type must be c, u, b or p"},
      {R"("devices":[{"path":"/x","type":"b","major":1}])", "linux.devices[0].minor is missing"},
      {R"("devices":[{"path":"/x","type":"b","major":4096,"minor":1}])",
       "linux.devices[0].major must be between 0 and 4095"},
      {R"("devices":[{"path":"/x","type":"b","major":1,"minor":-1}])",
       "linux.devices[0].minor must be between 0 and 1048575"},
      {R"("netDevices":{"a/b":{}})", "linux.netDevices.a/b is not the name of a network interface"},
      {R"("netDevices":{"a":{"name":"0123456789abcdef"}})",
       "linux.netDevices.a.name is not the name of a network interface"},
      {R"("netDevices":{"a":"b"})", "linux.netDevices.a must be an object"},
      {R"("sysctl":{"a":1})", "linux.sysctl.a must be a string"},
      {R"("sysctl":{"a\u0000b":"1"})", "linux.sysctl has a name with a zero byte"},
      {R"("rootfsPropagation":"both")",
       "linux.rootfsPropagation must be shared, slave, private or unbindable"},
      {R"("maskedPaths":["/a","b"])", "linux.maskedPaths[1] must be an absolute path"},
      {R"("readonlyPaths":[""])", "linux.readonlyPaths[0] must be an absolute path"},
      {R"("personality":{"domain":"BSD"})", "linux.personality.domain must be LINUX or LINUX32"},
      {R"("personality":{"domain":"LINUX","flags":["X"]})",
       "linux.personality.flags is not supported"},
      {R"("seccomp":{})", "linux.seccomp.defaultAction is missing"},
      {R"("seccomp":{"defaultAction":"SCMP_ACT_ALLOW","defaultErrnoRet":1})",
       "linux.seccomp.defaultErrnoRet cannot stand with the action SCMP_ACT_ALLOW"},
      {R"("seccomp":{"defaultAction":"SCMP_ACT_ALLOW","listenerMetadata":"x"})",
       "linux.seccomp.listenerMetadata needs a listenerPath"},
      {R"("seccomp":{"defaultAction":"A","syscalls":[{"names":[],"action":"B"}]})",
       "linux.seccomp.syscalls[0].names must name a system call"},
      {R"("seccomp":{"defaultAction":"A","syscalls":[{"names":["x"]}]})",
       "linux.seccomp.syscalls[0].action is missing"},
      {R"("seccomp":{"defaultAction":"A","syscalls":[{"names":["x"],"action":"B","errnoRet":1}]})",
       "linux.seccomp.syscalls[0].errnoRet cannot stand with the action B"},
      {R"("seccomp":{"defaultAction":"A","syscalls":[{"names":["x"],"action":"B","args":[
        {"index":6,"value":1,"op":"C"}]}]})",
       "linux.seccomp.syscalls[0].args[0].index must be between 0 and 5"},
      {R"("seccomp":{"defaultAction":"A","syscalls":[{"names":["x"],"action":"B","args":[
        {"index":1,"op":"C"}]}]})",
       "linux.seccomp.syscalls[0].args[0].value is missing"},
      {R"("seccomp":{"defaultAction":"A","syscalls":[{"names":["x"],"action":"B","args":[
        {"index":1,"value":-1,"op":"C"}]}]})",
       "linux.seccomp.syscalls[0].args[0].value must be a whole number in range"},
  };
  for (const auto& one : cases) EXPECT_EQ(refusal(linux_document(one.json)), says(one.fault));
}

TEST(OciLinuxTest, UnsupportedPropertiesThatAskForNothingAreAccepted) {
  EXPECT_EQ(refusal(linux_document(R"("intelRdt":{},"memoryPolicy":null)")), "accepted");
}

}  // namespace
}  // namespace cgwarden::launcher
