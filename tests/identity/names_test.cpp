#include "identity/names.h"

#include <gmock/gmock.h>

#include "tests/identity/ids.h"

namespace cgwarden::identity {
namespace {

TEST(Names, OfKubeletsLogs) {
  const auto log = parse_container_log("web-7d9_shop_nginx-front-" + kId + ".log");
  ASSERT_TRUE(log);
  EXPECT_EQ(log->id, kId);
  EXPECT_EQ(log->names,
            (Names{.container = "nginx-front", .pod = "web-7d9", .pod_namespace = "shop"}));
  for (const auto& bad : {"web_shop_nginx-" + kId, "web_shop_nginx-" + kId.substr(1) + ".log",
                          "web_nginx-" + kId + ".log", "_shop_nginx-" + kId + ".log",
                          "web_shop_-" + kId + ".log", std::string("x.log"), std::string()}) {
    EXPECT_FALSE(parse_container_log(bad)) << bad;
  }
  EXPECT_EQ(parse_pod_log_directory("shop_web-7d9_6a1d"),
            (Names{.pod = "web-7d9", .pod_uid = "6a1d", .pod_namespace = "shop"}));
  EXPECT_FALSE(parse_pod_log_directory("shop_web"));
  EXPECT_FALSE(parse_pod_log_directory("shop__1"));
}

TEST(Names, OfDocker) {
  const auto plain = parse_docker_config(
      R"({"ID":"x","Name":"/web","Config":{"Image":"nginx:1","Labels":{}}})", "f");
  ASSERT_TRUE(plain);
  EXPECT_EQ(*plain, (Names{.runtime = "docker", .container = "web", .image = "nginx:1"}));
  const auto pod = parse_docker_config(
      R"({"Name":"/k8s_nginx_web_shop_1_0","Config":{"Image":"nginx","Labels":{
          "io.kubernetes.container.name":"nginx","io.kubernetes.pod.name":"web",
          "io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.uid":"1"}}})",
      "f");
  ASSERT_TRUE(pod);
  EXPECT_EQ(*pod,
            (Names{.runtime = "docker",
                   .container = "k8s_nginx_web_shop_1_0",
                   .image = "nginx",
                   .claimed = {
                       .container = "nginx", .pod = "web", .uid = "1", .pod_namespace = "shop"}}));
  for (const auto* bad : {"", "{", "nil", "7"}) {
    const auto names = parse_docker_config(bad, "f");
    ASSERT_FALSE(names) << bad;
    EXPECT_EQ(names.error().kind, ErrorKind::malformed);
  }
  // Members of a type that nobody writes are no names.
  EXPECT_EQ(*parse_docker_config(R"({"Name":7,"Config":[1]})", "f"), (Names{.runtime = "docker"}));
  EXPECT_EQ(*parse_docker_data_root(R"({"data-root":"/data"})", "f"), "/data");
  EXPECT_EQ(*parse_docker_data_root("{}", "f"), std::nullopt);
}

TEST(Names, OfOciAnnotations) {
  const auto containerd = parse_oci_annotations(
      R"({"annotations":{"io.kubernetes.cri.container-name":"nginx",
          "io.kubernetes.cri.container-type":"container","io.kubernetes.cri.image-name":"nginx:1",
          "io.kubernetes.cri.sandbox-name":"web","io.kubernetes.cri.sandbox-namespace":"shop",
          "io.kubernetes.cri.sandbox-uid":"1"}})",
      "f");
  const Names expected{
      .image = "nginx:1",
      .claimed = {.container = "nginx", .pod = "web", .uid = "1", .pod_namespace = "shop"}};
  ASSERT_TRUE(containerd);
  EXPECT_EQ(*containerd, expected);
  const auto crio = parse_oci_annotations(
      R"({"annotations":{"io.kubernetes.container.name":"nginx","io.kubernetes.pod.name":"web",
          "io.kubernetes.cri-o.ContainerType":"container","io.kubernetes.cri-o.ImageName":"nginx:1",
          "io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.uid":"1"}})",
      "f");
  ASSERT_TRUE(crio);
  EXPECT_EQ(*crio, expected);
  const auto sandbox = parse_oci_annotations(
      R"({"annotations":{"io.kubernetes.container.name":"POD","io.kubernetes.pod.name":"web",
          "io.kubernetes.cri-o.ContainerType":"sandbox"}})",
      "f");
  ASSERT_TRUE(sandbox);
  EXPECT_EQ(*sandbox, (Names{.claimed = {.pod = "web", .sandbox = true}}));
  EXPECT_EQ(with_claim(*sandbox), (Names{.pod = "web", .sandbox = true}));
  EXPECT_EQ(with_claim(expected), (Names{.container = "nginx",
                                         .pod = "web",
                                         .pod_uid = "1",
                                         .pod_namespace = "shop",
                                         .image = "nginx:1"}));
  EXPECT_EQ(parse_oci_annotations(R"({"annotations":{"nerdctl/name":"box"}})", "f")->container,
            "box");
  EXPECT_TRUE(parse_oci_annotations("{}", "f")->empty());
}

TEST(Names, OfContainersStorage) {
  const auto list = parse_containers_json(
      R"([{"id":")" + kId +
          R"(","names":["web"],"metadata":"{\"image-name\":\"box:1\",\"name\":\"web\"}"},
          {"id":")" +
          std::string(64, 'b') + R"(","names":["other"],"metadata":"not json"},
          {"id":"short"}, 7])",
      "f");
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ(list->at(kId), (Names{.container = "web", .image = "box:1"}));
  EXPECT_EQ(list->at(std::string(64, 'b')), (Names{.container = "other"}));
  EXPECT_FALSE(parse_containers_json("{}", "f"));
  EXPECT_EQ(parse_storage_key("[storage]\n# graphroot = \"/no\"\ngraphroot = \"/data\" # here\n",
                              "graphroot"),
            "/data");
  EXPECT_EQ(parse_storage_key("[storage.options]\ngraphroot = \"/data\"\n", "graphroot"),
            std::nullopt);
  EXPECT_EQ(parse_storage_key("[storage]\ngraphroot = /data\n", "graphroot"), std::nullopt);
}

TEST(Names, OfSystemd) {
  const std::string text = "# comment\nNAME=web\nSERVICE=\"a \\x2d b\\\"\"\nNAMES=no\n";
  EXPECT_EQ(parse_state_variable(text, "NAME"), "web");
  EXPECT_EQ(parse_state_variable(text, "SERVICE"), "a - b\"");
  EXPECT_EQ(parse_state_variable(text, "LEADER"), std::nullopt);
  const auto account =
      parse_account("root:x:0:0::/root:/bin/sh\njoe:x:1000:1000:,:/home/joe:/bin/sh\n", 1000);
  ASSERT_TRUE(account);
  EXPECT_EQ(account->name, "joe");
  EXPECT_EQ(account->home, "/home/joe");
  EXPECT_FALSE(parse_account("joe:x:1000:1000\njoe:x:1000:1000::home:\n", 1000));
}

TEST(Names, LabelsMakeNoPod) {
  // A LABEL of any image is a label of its container.
  const auto forged = parse_docker_config(
      R"({"Name":"/mine","Config":{"Image":"evil","Labels":{
          "io.kubernetes.container.name":"nginx","io.kubernetes.pod.name":"victim",
          "io.kubernetes.docker.type":"podsandbox","io.kubernetes.pod.namespace":"prod",
          "io.kubernetes.pod.uid":"1"}}})",
      "f");
  ASSERT_TRUE(forged);
  for (const auto& path :
       {"/system.slice/docker-" + kId + ".scope", "/docker/" + kId, "/mine/" + kId,
        "/kubepods/pod2/" + kId, "/machine.slice/machine-libpod_pod_" + kOther + ".slice"}) {
    const Identity found = completed(of_path(path), *forged);
    EXPECT_EQ(found.container, "mine") << path;
    EXPECT_EQ(found.pod, "") << path;
    EXPECT_EQ(found.pod_namespace, "") << path;
    EXPECT_EQ(found.pod_uid, of_path(path).pod_uid) << path;
    EXPECT_EQ(found.kind, of_path(path).kind) << path;
  }
  // In the pod's own cgroup they are kubelet's.
  const Identity pause = completed(of_path("/kubepods/pod1/" + kId), *forged);
  EXPECT_EQ(pause.kind, Kind::sandbox);
  EXPECT_EQ(pause.pod, "victim");
  EXPECT_EQ(pause.pod_namespace, "prod");
  EXPECT_EQ(pause.container, "");
  // Without a uid they are of no pod.
  const auto old = parse_docker_config(
      R"({"Name":"/mine","Config":{"Labels":{"io.kubernetes.pod.name":"victim"}}})", "f");
  ASSERT_TRUE(old);
  EXPECT_EQ(completed(of_path("/docker/" + kId), *old).pod, "");
  EXPECT_EQ(completed(of_path("/kubepods/pod1/" + kId), *old).pod, "");
}

TEST(Names, CompleteWhatThePathSays) {
  Identity path = of_path("/kubepods/burstable/pod1/" + kId);
  const Names names{.runtime = "containerd",
                    .container = "nginx",
                    .pod = "web",
                    .pod_namespace = "shop",
                    .sandbox = false};
  const Identity full = completed(path, names);
  EXPECT_EQ(full.kind, Kind::container);
  EXPECT_EQ(full.runtime, "containerd");
  EXPECT_EQ(full.container_id, kId);
  EXPECT_EQ(full.pod_uid, "1");
  EXPECT_EQ(full.pod, "web");
  EXPECT_EQ(completed(path, {.sandbox = true}).kind, Kind::sandbox);
  // The path knows the runtime; who registered a machine knows better than its name.
  EXPECT_EQ(completed(of_path("/docker/" + kId), {.runtime = "podman"}).runtime, "docker");
  EXPECT_EQ(completed(of_path("/machine.slice/machine-a.scope"), {.runtime = "libvirt"}).runtime,
            "libvirt");
  // An id alone is containerd's, until somebody's file has it.
  EXPECT_EQ(completed(of_path("/mine/" + kId), {.container = "x"}).runtime, "containerd");
  EXPECT_EQ(completed(of_path("/mine/" + kId), {.runtime = "docker"}).runtime, "docker");
  // The uid in the path is the kernel's word.
  EXPECT_EQ(completed(of_path("/kubepods/pod1/" + kId), {.pod_uid = "2"}).pod_uid, "1");
  const std::string pod(64, 'b');
  path = of_path("/machine.slice/machine-libpod_pod_" + pod + ".slice/libpod-" + kId + ".scope");
  EXPECT_EQ(completed(path, {.container = "bbbbbbbbbbbb-infra"}).kind, Kind::sandbox);
  EXPECT_EQ(completed(path, {.container = "infra"}).kind, Kind::container);
}

}  // namespace
}  // namespace cgwarden::identity
