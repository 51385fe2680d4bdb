#include "identity/host_names.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/limits.h"
#include "tests/identity/ids.h"

namespace cgwarden::identity {
namespace {

namespace fs = std::filesystem;
using What = Question::What;

class HostNamesTest : public testing::Test {
 protected:
  HostNamesTest() : root_(::mkdtemp(pattern_.data())), names_(*HostNames::open(root_)) {}
  ~HostNamesTest() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  void link(const std::string& path, const std::string& target) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    fs::create_symlink(target, root_ + path);
  }
  std::optional<Names> found(const Question& question) {
    names_.begin_pass();
    const auto answer = names_.look_up(question);
    EXPECT_TRUE(answer) << answer.error().sentence();
    return answer ? *answer : std::nullopt;
  }
  std::optional<Names> found_container(std::optional<std::uint32_t> owner = {}) {
    return found({What::container, kId, owner});
  }

  std::string pattern_ = fs::temp_directory_path().string() + "/host_names_test.XXXXXX";
  std::string root_;
  HostNames names_;
};

std::string containers_json(const std::string& name) {
  return R"([{"id":")" + kId + R"(","names":[")" + name +
         R"("],"metadata":"{\"image-name\":\"box:1\"}"}])";
}

TEST_F(HostNamesTest, NothingThereIsNoError) {
  for (const What what : {What::container, What::pod, What::machine, What::user}) {
    EXPECT_EQ(found({what, kId, {}}), std::nullopt);
  }
  EXPECT_EQ(found_container(1), std::nullopt);
}

TEST_F(HostNamesTest, NoNameLeavesItsDirectory) {
  write("/run/systemd/users/1", "NAME=joe\n");
  EXPECT_TRUE(found({What::user, "1", {}}));
  for (const auto* name : {"../users/1", "/1", "", "."}) {
    EXPECT_EQ(found({What::user, name, {}}), std::nullopt) << name;
  }
}

TEST_F(HostNamesTest, LogsOfKubelet) {
  link("/var/log/containers/web_shop_nginx-" + kId + ".log",
       "/var/log/pods/shop_web_1/nginx/0.log");
  EXPECT_EQ(found_container(),
            (Names{.container = "nginx", .pod = "web", .pod_namespace = "shop"}));
  EXPECT_EQ(found({What::pod, "1", {}}), std::nullopt);
  fs::create_directories(root_ + "/var/log/pods/shop_web_1");
  EXPECT_EQ(found({What::pod, "1", {}})->pod, "web");
}

TEST_F(HostNamesTest, Docker) {
  const std::string file = "/containers/" + kId + "/config.v2.json";
  write("/var/lib/docker" + file, R"({"Name":"/web","Config":{"Image":"nginx:1"}})");
  EXPECT_EQ(found_container(),
            (Names{.runtime = "docker", .container = "web", .image = "nginx:1"}));
  write("/etc/docker/daemon.json", R"({"data-root":"/data"})");
  EXPECT_EQ(found_container(), std::nullopt);
  write("/data" + file, R"({"Name":"/moved"})");
  EXPECT_EQ(found_container()->container, "moved");
}

TEST_F(HostNamesTest, ContainerdAddsToTheLogs) {
  write(
      "/run/containerd/io.containerd.runtime.v2.task/k8s.io/" + kId + "/config.json",
      R"({"annotations":{"io.kubernetes.cri.image-name":"nginx:1","io.kubernetes.cri.sandbox-uid":"1"}})");
  link("/var/log/containers/web_shop_nginx-" + kId + ".log", "x");
  EXPECT_EQ(found_container(), (Names{.runtime = "containerd",
                                      .container = "nginx",
                                      .pod = "web",
                                      .pod_uid = "1",
                                      .pod_namespace = "shop",
                                      .image = "nginx:1"}));
}

TEST_F(HostNamesTest, ContainerdOfADistributionOfKubernetes) {
  for (const std::string state :
       {"/run/k3s/containerd", "/run/k0s/containerd", "/var/snap/microk8s/common/run/containerd"}) {
    const std::string file =
        state + "/io.containerd.runtime.v2.task/k8s.io/" + kId + "/config.json";
    write(
        file,
        R"({"annotations":{"io.kubernetes.cri.image-name":"nginx:1","io.kubernetes.cri.sandbox-name":"web"}})");
    EXPECT_EQ(found_container(), (Names{.runtime = "containerd", .pod = "web", .image = "nginx:1"}))
        << state;
    write(file, R"({"annotations":{"io.kubernetes.cri.container-type":"sandbox"}})");
    EXPECT_EQ(found_container(), (Names{.runtime = "containerd", .sandbox = true})) << state;
    fs::remove(root_ + file);
  }
}

TEST_F(HostNamesTest, OnlyTheNamespaceOfKubernetesNamesAPod) {
  write("/run/containerd/io.containerd.runtime.v2.task/default/" + kId + "/config.json",
        R"({"annotations":{"nerdctl/name":"box","io.kubernetes.pod.name":"coredns",
            "io.kubernetes.container.name":"dns","io.kubernetes.pod.uid":"1"}})");
  const auto names = found_container();
  ASSERT_TRUE(names);
  EXPECT_EQ(names->container, "box");
  EXPECT_EQ(names->pod, "");
  EXPECT_EQ(names->pod_uid, "");
  EXPECT_EQ(names->claimed.uid, "1");
}

TEST_F(HostNamesTest, PodmanAndCrio) {
  const std::string storage = "/var/lib/containers/storage/overlay-containers/";
  write(storage + "containers.json", containers_json("web"));
  EXPECT_EQ(found_container(), (Names{.runtime = "podman", .container = "web", .image = "box:1"}));
  write(
      storage + kId + "/userdata/config.json",
      R"({"annotations":{"io.kubernetes.container.name":"nginx","io.kubernetes.pod.name":"pod","io.kubernetes.pod.uid":"1"}})");
  const Names crio{.runtime = "cri-o",
                   .container = "web",
                   .image = "box:1",
                   .claimed = {.container = "nginx", .pod = "pod", .uid = "1"}};
  EXPECT_EQ(found_container(), crio);
  const std::string pod = "/kubepods.slice/kubepods-pod1.slice/crio-" + kId + ".scope";
  EXPECT_EQ(completed(of_path(pod), crio).container, "nginx");
  EXPECT_EQ(completed(of_path(pod), crio).pod, "pod");
  // An annotation of an image reaches podman's config.json, too.
  const auto podman = completed(of_path("/machine.slice/libpod-" + kId + ".scope"), crio);
  EXPECT_EQ(podman.runtime, "podman");
  EXPECT_EQ(podman.container, "web");
  EXPECT_EQ(podman.pod, "");
  write("/etc/containers/storage.conf", "[storage]\ngraphroot = \"/data\"\n");
  EXPECT_EQ(found_container(), std::nullopt);
  write("/data/vfs-containers/containers.json", containers_json("moved"));
  EXPECT_EQ(found_container()->container, "moved");
}

TEST_F(HostNamesTest, ContainersThatGoWithTheirEnd) {
  // --rm: in a list of its own; a damaged one hides nothing that the other has.
  const std::string storage = "/var/lib/containers/storage/overlay-containers/";
  write(storage + "containers.json", "[]");
  write(storage + "volatile-containers.json", containers_json("brief"));
  EXPECT_EQ(found_container(),
            (Names{.runtime = "podman", .container = "brief", .image = "box:1"}));
  write(storage + "containers.json", "{");
  EXPECT_EQ(found_container()->container, "brief");
  write(storage + "volatile-containers.json", "[]");
  names_.begin_pass();
  EXPECT_FALSE(names_.look_up({What::container, kId, {}}));
  write(storage + "containers.json", "[]");
  // transient_store of storage.conf.
  write("/run/containers/storage/overlay-containers/volatile-containers.json",
        containers_json("transient"));
  EXPECT_EQ(found_container()->container, "transient");
}

TEST_F(HostNamesTest, AUsersContainersThatGoWithTheirEnd) {
  const auto uid = static_cast<std::uint32_t>(::getuid());
  const std::string number = std::to_string(uid);
  write("/etc/passwd", "me:x:" + number + ":0::/home/me:/bin/sh\n");
  write("/run/user/" + number + "/containers/overlay-containers/volatile-containers.json",
        containers_json("transient"));
  ASSERT_TRUE(found_container(uid));
  EXPECT_EQ(found_container(uid)->container, "transient");
  write(
      "/home/me/.local/share/containers/storage/overlay-containers/"
      "volatile-containers.json",
      containers_json("brief"));
  EXPECT_EQ(found_container(uid)->container, "brief");
}

TEST_F(HostNamesTest, AUsersFilesNameThatUsersContainersOnly) {
  const auto uid = static_cast<std::uint32_t>(::getuid());
  write("/etc/passwd", "me:x:" + std::to_string(uid) + ":0::/home/me:/bin/sh\n" +
                           "joe:x:" + std::to_string(uid + 7) + ":0::/home/me:/bin/sh\n");
  const std::string storage = "/home/me/.local/share/containers/storage/overlay-containers/";
  write(storage + "containers.json", containers_json("mine"));
  write(
      storage + kId + "/userdata/config.json",
      R"({"annotations":{"io.kubernetes.container.name":"x","io.kubernetes.pod.name":"coredns"}})");
  const auto names = found_container(uid);
  ASSERT_TRUE(names);
  EXPECT_EQ(names->container, "mine");
  EXPECT_EQ(names->pod, "");
  // Not for the system's containers, and files of somebody else are not believed.
  EXPECT_EQ(found_container(), std::nullopt);
  const Question joes{What::container, kId, uid + 7};
  if (uid == 0) {
    // root's are, but not those that a link of the user's leads to.
    EXPECT_TRUE(found(joes));
    fs::rename(root_ + storage + "containers.json", root_ + "/secret.json");
    link(storage + "containers.json", "/secret.json");
    EXPECT_EQ(::chown((root_ + "/secret.json").c_str(), 0, 0), 0);
    names_.begin_pass();
    EXPECT_FALSE(names_.look_up(joes));
    EXPECT_EQ(::chown((root_ + "/secret.json").c_str(), 7, 0), 0);
    EXPECT_TRUE(found(joes));
    EXPECT_EQ(::chown((root_ + "/secret.json").c_str(), 8, 0), 0);
  }
  names_.begin_pass();
  EXPECT_FALSE(names_.look_up(joes));
  // Docker's rootless mode.
  fs::remove_all(root_ + "/home/me/.local");
  write(
      "/home/me/.local/share/docker/containers/" + kId + "/config.v2.json",
      R"({"Name":"/d","Config":{"Labels":{"io.kubernetes.pod.name":"coredns","io.kubernetes.pod.uid":"1"}}})");
  EXPECT_EQ(found_container(uid), (Names{.runtime = "docker", .container = "d"}));
}

TEST_F(HostNamesTest, Systemd) {
  write("/run/systemd/machines/vm", "NAME=vm\nSERVICE=libvirt-qemu\nSCOPE=machine-a.scope\n");
  link("/run/systemd/machines/unit:machine-a.scope", "vm");
  EXPECT_EQ(found({What::machine, "machine-a.scope", {}}),
            (Names{.runtime = "libvirt", .container = "vm"}));
  write("/run/systemd/users/1000", "# x\nNAME=joe\nSTATE=active\n");
  EXPECT_EQ(found({What::user, "1000", {}}), (Names{.user = "joe"}));
  write("/etc/passwd", "joe:x:1000:0::/h:/bin/sh\nann:x:1001:0::/h:/bin/sh\n");
  EXPECT_EQ(found({What::user, "1001", {}}), (Names{.user = "ann"}));
}

TEST_F(HostNamesTest, WhatIsNoPlainReadableFileIsAnError) {
  const std::string directory = root_ + "/run/systemd/users/";
  fs::create_directories(directory + "1");
  ASSERT_EQ(::mkfifo((directory + "2").c_str(), 0600), 0);
  link("/run/systemd/users/3", "3");
  for (const auto* name : {"1", "2", "3"})
    EXPECT_FALSE(names_.look_up({What::user, name, {}})) << name;
  write("/var/lib/docker/containers/" + kId + "/config.v2.json", "{");
  EXPECT_FALSE(names_.look_up({What::container, kId, {}}));
  // What another file says is not lost by that.
  link("/var/log/containers/web_shop_nginx-" + kId + ".log", "x");
  EXPECT_EQ(found_container()->container, "nginx");
  // A link out of the root ends inside it.
  link("/run/systemd/users/4", "/../../../etc/passwd");
  EXPECT_EQ(found({What::user, "4", {}}), std::nullopt);
}

TEST_F(HostNamesTest, AFileBeyondTheLimitIsAnError) {
  write("/run/systemd/users/1", "NAME=joe\n");
  fs::resize_file(root_ + "/run/systemd/users/1", limits::kRuntimeStateBytes + 1);
  EXPECT_FALSE(names_.look_up({What::user, "1", {}}));
}

TEST(Questions, AreAskedWhereTheAnswerIs) {
  const auto ask = [](const std::string& path) { return questions_about(of_path(path)); };
  using testing::ElementsAre;
  using testing::IsEmpty;
  EXPECT_THAT(ask("/system.slice/ssh.service"), IsEmpty());
  EXPECT_THAT(ask("/docker/" + kId), ElementsAre(Question{What::container, kId, {}}));
  EXPECT_THAT(ask("/kubepods/pod1/" + kId),
              ElementsAre(Question{What::container, kId, {}}, Question{What::pod, "1", {}}));
  EXPECT_THAT(ask("/machine.slice/machine-a.scope"),
              ElementsAre(Question{What::machine, "machine-a.scope", {}}));
  const std::string user = "/user.slice/user-1000.slice/user@1000.service/";
  EXPECT_THAT(ask(user + "user.slice/libpod-" + kId + ".scope"),
              ElementsAre(Question{What::user, "1000", {}}, Question{What::container, kId, 1000}));
  // A user can call a cgroup anything.
  EXPECT_THAT(ask(user + "kubepods.slice/kubepods-pod1.slice"),
              ElementsAre(Question{What::user, "1000", {}}));
  EXPECT_THAT(ask("/docker/" + kOther + "/docker/" + kId), IsEmpty());
}

}  // namespace
}  // namespace cgwarden::identity
