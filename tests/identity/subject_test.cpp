#include "identity/subject.h"

#include <gmock/gmock.h>

#include "identity/names.h"

#include "tests/identity/ids.h"

namespace cgwarden::identity {
namespace {

std::optional<std::string> key_of(const std::string& path, const Names& names = {}) {
  const auto subject = subject_of(completed(of_path(path), names));
  if (!subject) return std::nullopt;
  EXPECT_EQ(parse_subject_key(to_key(*subject)), subject) << path;
  EXPECT_TRUE(is_subject_key(to_key(*subject)));
  return to_key(*subject);
}

const std::string kManager = "/user.slice/user-1000.slice/user@1000.service";

TEST(Subject, UnitsThatKeepTheirName) {
  EXPECT_EQ(key_of("/system.slice/ssh.service"), "unit:/ssh.service");
  EXPECT_EQ(key_of("/init.scope"), "unit:/init.scope");
  EXPECT_EQ(key_of("/system.slice/dev-hugepages.mount"), "unit:/dev-hugepages.mount");
  EXPECT_EQ(key_of(R"(/system.slice/a\x2db.service)"), R"(unit:/a\x2db.service)");
  EXPECT_EQ(key_of("/system.slice/run-user-0.mount"), "unit:/run-user-0.mount");
  EXPECT_EQ(key_of("/system.slice/run-backup.service"), "unit:/run-backup.service");
  EXPECT_EQ(key_of(kManager), "unit:/user@1000.service");
  EXPECT_EQ(key_of(kManager + "/app.slice/web.service"), "unit:1000/web.service");
}

// Verdicts are of them too, and no metric.
TEST(Subject, WhatPassesIsCalledByItsIdOrItsNameForOneUse) {
  const auto passing = [](const std::string& path) -> std::string {
    const auto subject = passing_subject_of(of_path(path));
    if (!subject) return {};
    EXPECT_TRUE(is_passing(*subject)) << path;
    EXPECT_EQ(parse_subject_key(to_key(*subject)), subject) << path;
    return to_key(*subject);
  };
  const std::string docker = "/system.slice/docker-" + kId + ".scope";
  EXPECT_EQ(key_of(docker), std::nullopt);
  EXPECT_EQ(passing(docker), "container:docker////" + kId);
  EXPECT_EQ(spoken_name(*passing_subject_of(of_path(docker))), kId.substr(0, 12));
  EXPECT_EQ(passing("/machine.slice/libpod-" + kId + ".scope"), "container:podman////" + kId);
  EXPECT_EQ(passing("/system.slice/run-u12.service"), "unit:/run-u12.service");
  EXPECT_EQ(spoken_name(*passing_subject_of(of_path("/system.slice/run-u12.service"))),
            "run-u12.service");
  for (const std::string& other :
       {std::string("/system.slice/ssh.service"), docker + "/inner",
        "/machine.slice/libpod-conmon-" + kId + ".scope", std::string("/lab/job")}) {
    EXPECT_EQ(passing(other), "") << other;
  }
  EXPECT_FALSE(is_passing(*subject_of(of_path("/system.slice/ssh.service"))));
}

TEST(Subject, ContainersByName) {
  const std::string pod = "/kubepods/burstable/pod1/" + kId;
  EXPECT_EQ(key_of(pod, {.container = "nginx", .pod = "web", .pod_namespace = "shop"}),
            "container://shop/web/nginx");
  // The same container of the same pod, whoever runs it.
  EXPECT_EQ(
      key_of(pod,
             {.runtime = "cri-o", .container = "nginx", .pod = "web", .pod_namespace = "shop"}),
      "container://shop/web/nginx");
  EXPECT_EQ(key_of("/docker/" + kId, {.container = "web"}), "container:docker////web");
  EXPECT_EQ(key_of("/machine.slice/libpod-" + kId + ".scope", {.container = "web"}),
            "container:podman////web");
  EXPECT_EQ(key_of(kManager + "/user.slice/libpod-" + kId + ".scope", {.container = "web"}),
            "container:podman/1000///web");
  EXPECT_EQ(key_of("/lxc.payload.web"), "container:lxc////web");
}

TEST(Subject, WhatHasNoNameThatStays) {
  for (const auto& path :
       {std::string("/"), std::string("/system.slice"), std::string("/mine"),
        std::string("/system.slice/ssh.service/worker"),
        std::string("/system.slice/run-4711.scope"), std::string("/system.slice/run-r01ab.service"),
        std::string("/system.slice/run-u12.service"),
        std::string("/user.slice/user-1000.slice/session-3.scope"),
        kManager + "/app.slice/app-firefox-123.scope",
        "/machine.slice/libpod-conmon-" + kId + ".scope", "/docker/" + kId,
        std::string("/kubepods/pod1"), std::string("/cgwarden.slice/web.scope"),
        std::string("/cgwarden.slice/web.scope/payload"), "/docker/" + kOther + "/lxc/web"}) {
    EXPECT_EQ(key_of(path), std::nullopt) << path;
  }
  EXPECT_EQ(key_of("/kubepods/pod1/" + kId, {.pod = "web", .sandbox = true}), std::nullopt);
  // A name that would be two, or none, in the store.
  for (const std::string name : {"a/b", "a b", "a\nb", "\xC3\xA9"}) {
    EXPECT_EQ(key_of("/docker/" + kId, {.container = name}), std::nullopt);
  }
  EXPECT_EQ(key_of("/docker/" + kId, {.container = std::string(256, 'a')}), std::nullopt);
}

TEST(Subject, KeysOfTheStore) {
  for (const auto* bad :
       {"", "web", "unit:", "unit:/", "unit:x/a.service", "unit:1/2/a.service", "container:a",
        "container:////", "container:a/b/c/d/e", "unit:65535/a.service", "unit:01/a.service"}) {
    EXPECT_FALSE(parse_subject_key(bad)) << bad;
  }
  EXPECT_FALSE(is_subject_key("web"));
  EXPECT_TRUE(is_subject_key("unit:"));
}

}  // namespace
}  // namespace cgwarden::identity
