#include "policy/workload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/loading.h"

namespace cgwarden::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using testing::policy_text;
using testing::workload_errors;
using testing::workload_text;

Workload workload_of(const std::string& lines, const std::string& file = "w.yaml") {
  auto loaded = load_workload(workload_text(lines), file);
  EXPECT_TRUE(loaded) << render(loaded.error());
  return loaded ? *std::move(loaded) : Workload{};
}

TEST(WorkloadTest, Defaults) {
  const Workload workload = workload_of("");
  EXPECT_EQ(workload.name, "web");
  EXPECT_EQ(workload.position.text(), "w.yaml:1:1");
  EXPECT_THAT(workload.command, ElementsAre("/bin/web"));
  EXPECT_EQ(workload.rootfs, "/srv/web");
  EXPECT_EQ(workload.hostname, "web");
  EXPECT_EQ(workload.cwd, "/");
  EXPECT_TRUE(workload.init);
  EXPECT_FALSE(workload.readonly_rootfs || workload.user_namespace || workload.seccomp_unconfined);
  EXPECT_EQ(workload.network.mode, WorkloadNetwork::Mode::none);
  EXPECT_TRUE(workload.network.ports.empty());
  EXPECT_EQ(workload.restart.policy, RestartPolicy::no);
  EXPECT_FALSE(workload.restart.max_restarts);
  EXPECT_EQ(workload.stop_timeout, Usec{10000000});
  EXPECT_TRUE(workload.resources.empty());
}

TEST(WorkloadTest, EveryKey) {
  auto loaded = load_workload(
      "apiVersion: cgwarden/v1\n"
      "kind: Workload\n"
      "metadata:\n"
      "  name: web\n"
      "  labels: {tier: web, zone: 1}\n"
      "command: [/bin/web, --port, 80, \"\"]\n"
      "rootfs: images/../rootfs\n"
      "readonlyRootfs: true\n"
      "env: {PORT: 8080, EMPTY: \"\", YES: yes}\n"
      "cwd: /var/lib\n"
      "user: {uid: 1000, gid: 100}\n"
      "hostname: web-1.example\n"
      "init: false\n"
      "network: host\n"
      "userNamespace: {hostId: 100000, size: 2000}\n"
      "mounts:\n"
      "  - {source: /srv/data, destination: /data, readonly: true}\n"
      "  - {source: /srv/tmp, destination: /tmp}\n"
      "capabilities: {drop: [ALL], add: [CAP_NET_RAW, CAP_NET_BIND_SERVICE]}\n"
      "seccomp: unconfined\n"
      "restart: {policy: on-failure, backoff: 2s, backoffMax: 30s, maxRestarts: 5, resetAfter: "
      "10min}\n"
      "stopTimeout: 500ms\n"
      "resources:\n"
      "  cpu: {max: 20ms/100ms}\n"
      "  memory: {max: 64MiB, swap.max: 0}\n",
      "/etc/cgwarden/web.yaml");
  ASSERT_TRUE(loaded) << render(loaded.error());
  const Workload& workload = *loaded;
  EXPECT_THAT(workload.labels, ElementsAre(Pair("tier", "web"), Pair("zone", "1")));
  EXPECT_THAT(workload.command, ElementsAre("/bin/web", "--port", "80", ""));
  EXPECT_EQ(workload.rootfs, "/etc/cgwarden/rootfs");
  EXPECT_TRUE(workload.readonly_rootfs);
  EXPECT_THAT(workload.env,
              ElementsAre(Pair("EMPTY", ""), Pair("PORT", "8080"), Pair("YES", "yes")));
  EXPECT_EQ(workload.cwd, "/var/lib");
  EXPECT_EQ(workload.uid, 1000U);
  EXPECT_EQ(workload.gid, 100U);
  EXPECT_EQ(workload.hostname, "web-1.example");
  EXPECT_FALSE(workload.init);
  EXPECT_EQ(workload.network.mode, WorkloadNetwork::Mode::host);
  EXPECT_TRUE(workload.user_namespace);
  EXPECT_EQ(workload.user_host_id, 100000U);
  EXPECT_EQ(workload.user_size, 2000U);
  ASSERT_EQ(workload.mounts.size(), 2U);
  EXPECT_EQ(workload.mounts[0].source, "/srv/data");
  EXPECT_EQ(workload.mounts[0].destination, "/data");
  EXPECT_TRUE(workload.mounts[0].readonly);
  EXPECT_FALSE(workload.mounts[1].readonly);
  EXPECT_THAT(workload.capabilities_drop, ElementsAre("ALL"));
  EXPECT_THAT(workload.capabilities_add, ElementsAre("CAP_NET_RAW", "CAP_NET_BIND_SERVICE"));
  EXPECT_TRUE(workload.seccomp_unconfined);
  EXPECT_EQ(workload.restart.policy, RestartPolicy::on_failure);
  EXPECT_EQ(workload.restart.backoff, Usec{2000000});
  EXPECT_EQ(workload.restart.backoff_max, Usec{30000000});
  EXPECT_EQ(workload.restart.max_restarts, 5U);
  EXPECT_EQ(workload.restart.reset_after, Usec{600000000});
  EXPECT_EQ(workload.stop_timeout, Usec{500000});
  EXPECT_EQ(workload.resources.memory_max, LimitOf<Bytes>(Bytes{64U << 20U}));
  EXPECT_EQ(workload.resources.positions.at("cpu.max").text(), "/etc/cgwarden/web.yaml:24:9");
}

TEST(WorkloadTest, ARelativeRootfsIsTakenFromTheFilesDirectory) {
  const auto rootfs = [](const std::string& path, const std::string& file) {
    std::string text = workload_text("");
    text.replace(text.find("/srv/web"), 8, path);
    return load_workload(text, file).value().rootfs;
  };
  EXPECT_EQ(rootfs("rootfs", "/etc/w/a.yaml"), "/etc/w/rootfs");
  EXPECT_EQ(rootfs("rootfs", "a.yaml"), "rootfs");
  EXPECT_EQ(rootfs("rootfs", "dir/a.yaml"), "dir/rootfs");
  EXPECT_EQ(rootfs("/abs", "dir/a.yaml"), "/abs");
}

TEST(WorkloadTest, LayersInPlaceOfARootfs) {
  const auto layered = [](const std::string& lines, const std::string& file) {
    std::string text = workload_text(lines);
    const std::string rootfs = "rootfs: /srv/web\n";
    text.erase(text.find(rootfs), rootfs.size());
    return load_workload(text, file);
  };
  const auto workload = layered("layers: [base, /srv/app/, 'a:b,c']\n", "/etc/w/a.yaml");
  ASSERT_TRUE(workload) << render(workload.error());
  EXPECT_THAT(workload->layers, ElementsAre("/etc/w/base", "/srv/app", "/etc/w/a:b,c"));
  EXPECT_EQ(workload->rootfs, "");
  EXPECT_FALSE(workload->upper_in_memory);
  EXPECT_TRUE(layered("layers: [/a]\nupper: tmpfs\n", "a.yaml")->upper_in_memory);
  EXPECT_FALSE(layered("layers: [/a]\nupper: disk\n", "a.yaml")->upper_in_memory);
  const auto refused = [&](const std::string& lines) {
    const auto loaded = layered(lines, "w.yaml");
    const std::string text = loaded ? "loaded" : render(loaded.error());
    return text.substr(0, text.find('\n'));
  };
  EXPECT_EQ(refused(""), "w.yaml:1:1: error: rootfs is missing");
  EXPECT_EQ(refused("layers: /a\n"),
            "w.yaml:5:9: error: layers must be a list, not a single value");
  EXPECT_EQ(refused("layers: []\n"), "w.yaml:5:9: error: layers is an empty list");
  EXPECT_EQ(refused("layers: ['']\n"), "w.yaml:5:9: error: a layer is empty");
  EXPECT_EQ(refused("layers: [/a, /b/../a]\n"), "w.yaml:5:9: error: the layer /a stands twice");
  EXPECT_EQ(refused("layers: [/a]\nupper: ram\n"),
            "w.yaml:6:8: error: upper cannot be \"ram\": it must be one of disk, tmpfs");
  EXPECT_EQ(refused("layers: [/a]\nrootfs: /b\n"),
            "w.yaml:6:9: error: rootfs, layers and image exclude each other");
  std::string many = "layers: [";
  for (int i = 0; i < 128; ++i) many += "/" + std::to_string(i) + ", ";
  EXPECT_EQ(refused(many + "]\n"), "w.yaml:5:9: error: a workload has at most 127 layers");
  EXPECT_EQ(workload_errors(workload_text("upper: tmpfs\n")).substr(0, 70),
            "w.yaml:6:8: error: upper is a key of layers and image: a rootfs is wri");
}

TEST(WorkloadTest, AnImageHasACommandAndAUserOfItsOwn) {
  const auto imaged = [](const std::string& lines, const std::string& file = "/etc/w/w.yaml") {
    return load_workload("apiVersion: cgwarden/v1\nkind: Workload\nmetadata: {name: web}\n" + lines,
                         file);
  };
  const auto refused = [&](const std::string& lines) {
    const auto loaded = imaged(lines, "w.yaml");
    const std::string text = loaded ? "loaded" : render(loaded.error());
    return text.substr(0, text.find('\n'));
  };
  const auto named = imaged("image: web-1.0\n");
  ASSERT_TRUE(named) << render(named.error());
  EXPECT_EQ(named->image, "web-1.0");
  EXPECT_TRUE(named->command.empty());
  EXPECT_FALSE(named->has_cwd || named->has_user);
  EXPECT_EQ(imaged("image: ./web.tar\n")->image, "/etc/w/web.tar");
  EXPECT_EQ(imaged("image: /srv/layout/\n")->image, "/srv/layout");
  const auto given =
      imaged("image: web\nargs: [-v]\ncwd: /\nuser: {uid: 0}\nstopSignal: SIGQUIT\nupper: tmpfs\n");
  ASSERT_TRUE(given) << render(given.error());
  EXPECT_THAT(given->args, ElementsAre("-v"));
  EXPECT_TRUE(given->has_cwd && given->has_user && given->upper_in_memory);
  EXPECT_EQ(given->stop_signal, "SIGQUIT");
  EXPECT_EQ(imaged("image: web\nstopSignal: SIGRTMIN+3\n")->stop_signal, "SIGRTMIN+3");
  EXPECT_EQ(refused("image: Web\n"),
            "w.yaml:4:8: error: image cannot be \"Web\": it is neither the name of an image nor, "
            "having no slash, a path");
  EXPECT_EQ(refused("image: web\nlayers: [/a]\n"),
            "w.yaml:5:9: error: rootfs, layers and image exclude each other");
  EXPECT_EQ(refused("image: web\nrootfs: /a\n"),
            "w.yaml:5:9: error: rootfs, layers and image exclude each other");
  EXPECT_EQ(refused("image: web\ncommand: [/a]\nargs: [b]\n"),
            "w.yaml:6:7: error: args go with the command of an image");
  EXPECT_EQ(refused("image: web\nstopSignal: QUIT\n"),
            "w.yaml:5:13: error: stopSignal cannot be \"QUIT\": it is not the name of a signal "
            "(signal(7))");
  EXPECT_EQ(refused("image: web\nstopSignal: SIGRTMIN+31\n").substr(0, 27),
            "w.yaml:5:13: error: stopSig");
}

TEST(WorkloadTest, RestartWords) {
  EXPECT_EQ(workload_of("restart: {policy: no}\n").restart.policy, RestartPolicy::no);
  EXPECT_EQ(workload_of("restart: {policy: always}\n").restart.policy, RestartPolicy::always);
  // The ceiling is not below a long first backoff that was given without one.
  EXPECT_EQ(workload_of("restart: {backoff: 5min}\n").restart.backoff_max, Usec{300000000});
}

TEST(WorkloadTest, Network) {
  EXPECT_EQ(workload_of("network: none\n").network.mode, WorkloadNetwork::Mode::none);
  EXPECT_EQ(workload_of("network: bridge\n").network.mode, WorkloadNetwork::Mode::bridge);
  const auto joined = workload_of("network: {path: /run/netns/a}\n").network;
  EXPECT_EQ(joined.mode, WorkloadNetwork::Mode::path);
  EXPECT_EQ(joined.path, "/run/netns/a");
  const auto cni = workload_of("network: {cni: web-net}\nports: [\"8080:80\"]\n").network;
  EXPECT_EQ(cni.mode, WorkloadNetwork::Mode::cni);
  EXPECT_EQ(cni.cni, "web-net");
  ASSERT_EQ(cni.ports.size(), 1U);
}

TEST(WorkloadTest, Ports) {
  const auto network =
      workload_of("network: bridge\nports: [\"127.0.0.1:8080:80/tcp\", \"53:53/udp\"]\n").network;
  ASSERT_EQ(network.ports.size(), 2U);
  EXPECT_EQ(to_string(network.ports[0]), "127.0.0.1:8080:80/tcp");
  EXPECT_EQ(to_string(network.ports[1]), "53:53/udp");
}

struct WorkloadCase {
  const char* lines;
  const char* first_line;
};

TEST(WorkloadTest, Errors) {
  for (
      const WorkloadCase& row : {
          WorkloadCase{"kommand: [a]\n", "w.yaml:6:1: error: unknown key \"kommand\""},
          {"user: 1000\n", "w.yaml:6:7: error: user must be a map, not a single value"},
          {"user: {uid: -1}\n", "w.yaml:6:13: error: user.uid cannot be \"-1\": it is negative"},
          {"user: {gid: 4294967295}\n",
           "w.yaml:6:13: error: user.gid cannot be \"4294967295\": it is outside 0 to 4294967294"},
          {"user: {name: web}\n", "w.yaml:6:8: error: unknown key \"user.name\""},
          {"env: [A=b]\n", "w.yaml:6:6: error: env must be a map, not a list"},
          {"env: {A: [b]}\n", "w.yaml:6:10: error: env.A must be a text, not a list"},
          {"env: {A: }\n", "w.yaml:6:7: error: env.A must be a text, not empty"},
          {"env: {A=b: c}\n",
           "w.yaml:6:7: error: the name of an environment variable is empty or has a ="},
          {"cwd: tmp\n", "w.yaml:6:6: error: cwd cannot be \"tmp\": it is not an absolute path"},
          {"cwd: /a/../b\n",
           "w.yaml:6:6: error: cwd cannot be \"/a/../b\": the path has an empty, \".\" or \"..\" "
           "component"},
          {"hostname: a_b\n",
           "w.yaml:6:11: error: hostname cannot be \"a_b\": a host name has 1 to 64 letters, "
           "digits, \"-\" and \".\""},
          {"init: maybe\n",
           "w.yaml:6:7: error: init cannot be \"maybe\": it is neither true nor false"},
          {"readonlyRootfs: 1\n",
           "w.yaml:6:17: error: readonlyRootfs cannot be \"1\": it is neither true nor false"},
          {"network: bridged\n",
           "w.yaml:6:10: error: network cannot be \"bridged\": it must be one of none, host, "
           "bridge"},
          {"network: [host]\n",
           "w.yaml:6:10: error: network must be one of none, host, bridge, not a list"},
          {"network: {}\n", "w.yaml:6:10: error: network needs either path or cni"},
          {"network: {path: /a, cni: b}\n", "w.yaml:6:10: error: network needs either path or cni"},
          {"network: {path: a}\n",
           "w.yaml:6:17: error: network.path cannot be \"a\": it is not an absolute path"},
          {"network: {cni: a/b}\n",
           "w.yaml:6:16: error: network.cni cannot be \"a/b\": the name of a CNI network has "
           "letters, "
           "digits, \"_\", \".\" and \"-\""},
          {"network: {bridge: a}\n", "w.yaml:6:11: error: unknown key \"network.bridge\""},
          {"ports: [\"80:80\"]\n",
           "w.yaml:6:8: error: ports can be published with network: bridge or {cni: NAME} only"},
          {"network: bridge\nports: [80]\n",
           "w.yaml:7:9: error: ports[0] cannot be \"80\": it is not "
           "[ADDRESS:]HOST_PORT:PORT[/tcp|/udp]"},
          {"network: bridge\nports: [\"8080:80\", \"127.0.0.1:8080:81\"]\n",
           "w.yaml:7:20: error: ports[1] cannot be \"127.0.0.1:8080:81\": ports[0] publishes that "
           "port of the host already"},
          {"userNamespace: {size: 5}\n", "w.yaml:6:16: error: userNamespace.hostId is missing"},
          {"userNamespace: true\n",
           "w.yaml:6:16: error: userNamespace must be a map, not a single value"},
          {"userNamespace: {hostId: 4294967290, size: 100}\n",
           "w.yaml:6:16: error: userNamespace ends beyond the last id, 4294967294"},
          {"userNamespace: {hostId: 100000, size: 100}\nuser: {uid: 100}\n",
           "w.yaml:6:16: error: user.uid 100 or user.gid 0 is not among the 100 ids of "
           "userNamespace"},
          {"userNamespace: {hostId: 1, size: 0}\n",
           "w.yaml:6:34: error: userNamespace.size cannot be \"0\": it is outside 1 to 4294967294"},
          {"mounts: {a: b}\n", "w.yaml:6:9: error: mounts must be a list, not a map"},
          {"mounts: [/a]\n", "w.yaml:6:10: error: mounts[0] must be a map, not a single value"},
          {"mounts: [{source: /a}]\n", "w.yaml:6:10: error: mounts[0].destination is missing"},
          {"mounts: [{source: a, destination: /b}]\n",
           "w.yaml:6:19: error: mounts[0].source cannot be \"a\": it is not an absolute path"},
          {"mounts: [{source: /a, destination: /}]\n",
           "w.yaml:6:36: error: mounts[0].destination cannot be \"/\": the root of the workload is "
           "its rootfs"},
          {"mounts: [{source: /a, destination: /b, readonly: x}]\n",
           "w.yaml:6:50: error: mounts[0].readonly cannot be \"x\": it is neither true nor false"},
          {"mounts: [{source: /a, destination: /b, ro: true}]\n",
           "w.yaml:6:40: error: unknown key \"mounts[0].ro\""},
          {"capabilities: [CAP_KILL]\n",
           "w.yaml:6:15: error: capabilities must be a map, not a list"},
          {"capabilities: {add: CAP_KILL}\n",
           "w.yaml:6:21: error: capabilities.add must be a list, not a single value"},
          {"capabilities: {add: [NET_ROW]}\n",
           "w.yaml:6:22: error: capabilities.add cannot be \"NET_ROW\": it is not a capability "
           "(capabilities(7))"},
          {"capabilities: {add: [cap_kill]}\n",
           "w.yaml:6:22: error: capabilities.add cannot be \"cap_kill\": it is not a capability "
           "(capabilities(7))"},
          {"capabilities: {add: [all]}\n",
           "w.yaml:6:22: error: capabilities.add cannot be \"all\": it is not a capability "
           "(capabilities(7))"},
          {"capabilities: {drop: [CAP_BOGUS]}\n",
           "w.yaml:6:23: error: capabilities.drop cannot be \"CAP_BOGUS\": it is not a capability "
           "(capabilities(7))"},
          {"seccomp: off\n",
           "w.yaml:6:10: error: seccomp cannot be \"off\": it must be one of default, unconfined"},
          {"restart: always\n", "w.yaml:6:10: error: restart must be a map, not a single value"},
          {"restart: {policy: never}\n",
           "w.yaml:6:19: error: restart.policy cannot be \"never\": it must be one of no, "
           "on-failure, always"},
          {"restart: {backoff: 0}\n",
           "w.yaml:6:20: error: restart.backoff cannot be \"0\": the least is 100ms"},
          {"restart: {backoff: 5}\n",
           "w.yaml:6:20: error: restart.backoff cannot be \"5\": it has no unit"},
          {"restart: {backoff: 5s, backoffMax: 1s}\n",
           "w.yaml:6:10: error: restart.backoffMax is shorter than restart.backoff"},
          {"restart: {maxRestarts: -1}\n",
           "w.yaml:6:24: error: restart.maxRestarts cannot be \"-1\": it is negative"},
          {"health: 5\n", "w.yaml:6:9: error: health must be a map, not a single value"},
          {"health: {interval: 5s}\n",
           "w.yaml:6:9: error: a health check has one of exec, tcp and http"},
          {"health: {tcp: 80, exec: [a]}\n",
           "w.yaml:6:9: error: a health check has one of exec, tcp and http"},
          {"health: {tcp: 0}\n",
           "w.yaml:6:15: error: health.tcp cannot be \"0\": it is outside 1 to 65535"},
          {"health: {exec: []}\n", "w.yaml:6:16: error: health.exec is an empty list"},
          {"health: {http: {path: /}}\n", "w.yaml:6:16: error: health.http.port is missing"},
          {"health: {http: {port: 1, path: \"/a b\"}}\n",
           "w.yaml:6:32: error: health.http.path cannot be \"/a b\": it is not a path of a URL, "
           "which begins with /"},
          {"health: {tcp: 80, interval: 10ms}\n",
           "w.yaml:6:29: error: health.interval cannot be \"10ms\": the least is 1000ms"},
          {"health: {tcp: 80, retries: 0}\n",
           "w.yaml:6:28: error: health.retries cannot be \"0\": it is outside 1 to 1000"},
          {"health: {tcp: 80, start_period: 1s}\n",
           "w.yaml:6:19: error: unknown key \"health.start_period\""},
          {"health: {tcp: 80, action: restart}\n",
           "w.yaml:6:27: error: health.action restart needs a restart policy"},
          {"log: {driver: tape}\n",
           "w.yaml:6:15: error: log.driver cannot be \"tape\": it must be one of file, journal"},
          {"log: {maxSize: 8KiB}\n",
           "w.yaml:6:16: error: log.maxSize cannot be \"8KiB\": it is outside 64KiB to 256MiB"},
          {"log: {maxSize: 1GiB}\n",
           "w.yaml:6:16: error: log.maxSize cannot be \"1GiB\": it is outside 64KiB to 256MiB"},
          {"log: {maxFiles: 0}\n",
           "w.yaml:6:17: error: log.maxFiles cannot be \"0\": it is outside 1 to 100"},
          {"log: {driver: journal, maxFiles: 3}\n",
           "w.yaml:6:6: error: the journal has limits of its own (journald.conf(5))"},
          {"stopTimeout: [1s]\n", "w.yaml:6:14: error: stopTimeout must be one value, not a list"},
          {"resources: 5\n", "w.yaml:6:12: error: resources must be a map, not a single value"},
          {"resources: {oi: {}}\n", "w.yaml:6:13: error: unknown key \"oi\""},
          {"resources: {cpu: {max: 50ms/100ms, burst: 60ms}}\n",
           "w.yaml:6:36: error: cpu.burst of 60000us is more than the quota of 50000us: the kernel "
           "refuses it (EINVAL) [L03]"},
      }) {
    const std::string rendered = workload_errors(workload_text(row.lines));
    EXPECT_EQ(rendered.substr(0, rendered.find('\n')), row.first_line);
  }
}

policy::Workload loaded(const std::string& lines) {
  const auto workload = load_workload(workload_text(lines), "w.yaml");
  EXPECT_TRUE(workload) << lines;
  return workload ? *workload : Workload{};
}

TEST(WorkloadTest, CapabilitiesHaveTheirPrefixOrNot) {
  const Workload workload =
      loaded("capabilities: {add: [NET_RAW, CAP_KILL], drop: [CHOWN, ALL]}\n");
  EXPECT_THAT(workload.capabilities_add, ElementsAre("CAP_NET_RAW", "CAP_KILL"));
  EXPECT_THAT(workload.capabilities_drop, ElementsAre("CAP_CHOWN", "ALL"));
  EXPECT_THAT(loaded("capabilities: {add: [ALL]}\n").capabilities_add, ElementsAre("ALL"));
  for (const auto* word : {"NET_ROW", "CAP_NETRAW", "net_raw", "cap_net_raw"}) {
    EXPECT_THAT(
        workload_errors(workload_text("capabilities: {add: [" + std::string(word) + "]}\n")),
        HasSubstr("did you mean \"CAP_NET_RAW\"?"));
  }
}

TEST(WorkloadTest, TheLog) {
  const WorkloadLog log = loaded("log: {driver: file, maxSize: 1MiB, maxFiles: 5}\n").log;
  EXPECT_FALSE(log.journal);
  EXPECT_EQ(log.max_size.value, 1048576U);
  EXPECT_EQ(log.max_files, 5U);
  EXPECT_TRUE(loaded("log: {driver: journal}\n").log.journal);
}

TEST(WorkloadTest, HealthChecksOfEachKind) {
  const auto exec =
      loaded("health: {exec: [/bin/check, -q], interval: 2s, timeout: 500ms}\n").health;
  ASSERT_TRUE(exec);
  EXPECT_EQ(exec->kind, HealthCheck::Kind::exec);
  EXPECT_THAT(exec->command, ElementsAre("/bin/check", "-q"));
  EXPECT_EQ(exec->interval, Usec{2'000'000});
  EXPECT_EQ(exec->timeout, Usec{500'000});
  EXPECT_EQ(exec->retries, 3U);
  EXPECT_FALSE(exec->restart);
  const auto tcp = loaded("health: {tcp: 80, retries: 5, startPeriod: 1min}\n").health;
  ASSERT_TRUE(tcp);
  EXPECT_EQ(tcp->kind, HealthCheck::Kind::tcp);
  EXPECT_EQ(tcp->port, 80);
  EXPECT_EQ(tcp->retries, 5U);
  EXPECT_EQ(tcp->start_period, Usec{60'000'000});
  const auto http = loaded(
                        "restart: {policy: on-failure}\n"
                        "health: {http: {port: 8080, path: /healthz}, action: restart}\n")
                        .health;
  ASSERT_TRUE(http);
  EXPECT_EQ(http->kind, HealthCheck::Kind::http);
  EXPECT_EQ(http->path, "/healthz");
  EXPECT_TRUE(http->restart);
  EXPECT_FALSE(loaded("").health);
}

TEST(WorkloadTest, ErrorsOfTheRequiredKeys) {
  EXPECT_EQ(workload_errors("apiVersion: cgwarden/v1\nkind: Workload\n"),
            "w.yaml:1:1: error: metadata is missing\n"
            "  1 | apiVersion: cgwarden/v1\n"
            "    | ^\n"
            "  hint: metadata: {name: web}\n"
            "w.yaml:1:1: error: command is missing\n"
            "  1 | apiVersion: cgwarden/v1\n"
            "    | ^\n"
            "  hint: command: [/bin/server, --port, \"80\"]\n"
            "w.yaml:1:1: error: rootfs is missing\n"
            "  1 | apiVersion: cgwarden/v1\n"
            "    | ^\n"
            "  hint: rootfs: /srv/images/web\n");
  const auto replaced = [](const std::string& from, const std::string& to) {
    std::string text = workload_text("");
    text.replace(text.find(from), from.size(), to);
    const std::string rendered = workload_errors(text);
    return rendered.substr(0, rendered.find('\n'));
  };
  EXPECT_EQ(replaced("[/bin/web]", "/bin/web"),
            "w.yaml:4:10: error: command must be a list, not a single value");
  EXPECT_EQ(replaced("[/bin/web]", "[]"), "w.yaml:4:10: error: command is an empty list");
  EXPECT_EQ(replaced("[/bin/web]", "[\"\", a]"),
            "w.yaml:4:10: error: the first word of command, the program, is empty");
  EXPECT_EQ(replaced("[/bin/web]", "[a, [b]]"),
            "w.yaml:4:14: error: command[1] must be a text, not a list");
  EXPECT_EQ(replaced("/srv/web", "\"\""), "w.yaml:5:9: error: rootfs is empty");
  EXPECT_THAT(replaced("name: web", "name: -web"), HasSubstr("metadata.name cannot be \"-web\""));
}

TEST(WorkloadTest, OneDocumentOfKindWorkload) {
  EXPECT_THAT(workload_errors(workload_text("") + "---\n" + workload_text("")),
              HasSubstr("w.yaml:7:1: error: a second document: a file describes one workload"));
  EXPECT_EQ(workload_errors(policy_text("")),
            "w.yaml:2:7: error: this is a Policy, but a Workload is expected here\n"
            "  2 | kind: Policy\n"
            "    |       ^\n"
            "  hint: policies belong into the policy directory of the agent\n");
  EXPECT_EQ(workload_errors("just a text\n"),
            "w.yaml:1:1: error: a workload must be a map, not a single value\n"
            "  1 | just a text\n"
            "    | ^\n"
            "  hint: kind: Workload\n");
  EXPECT_EQ(workload_errors(""), "w.yaml: error: the file is empty\n");
}

TEST(WorkloadTest, LabelsAreBounded) {
  std::string labels;
  for (int i = 0; i < 33; ++i) labels += "    l" + std::to_string(i) + ": x\n";
  std::string text = workload_text("");
  text.replace(text.find("{name: web}"), 11, "\n  name: web\n  labels:\n" + labels);
  EXPECT_THAT(workload_errors(text), HasSubstr("a workload has at most 32 labels"));
}

TEST(WorkloadTest, Names) {
  for (const char* name : {"a", "web", "web-1.v2", "0"}) EXPECT_TRUE(valid_workload_name(name));
  for (const std::string& name : std::vector<std::string>{"", "Web", "a_b", "-a", "a-", ".a", "a/b",
                                                          "a b", "é", std::string(65, 'a')}) {
    EXPECT_FALSE(valid_workload_name(name)) << name;
  }
  EXPECT_TRUE(valid_workload_name(std::string(64, 'a')));
}

}  // namespace
}  // namespace cgwarden::policy
