#include <gmock/gmock.h>

#include "identity/identity.h"
#include "identity/unit_name.h"

#include "tests/identity/ids.h"

namespace cgwarden::identity {

// What a failed comparison shows.
void PrintTo(const Identity& identity, std::ostream* out) {
  *out << to_string(identity.kind);
  for (const auto* text :
       {&identity.unit, &identity.slice, &identity.session, &identity.user, &identity.runtime,
        &identity.container, &identity.container_id, &identity.pod_uid}) {
    *out << " '" << *text << "'";
  }
  *out << (identity.owner ? " owned" : "") << (identity.nested ? " nested" : "");
}

namespace {

constexpr auto kUid = "6a1d1a3e-1f0b-4c1c-9d5e-0d2f7d1c9b11";
constexpr auto kUidInSlice = "6a1d1a3e_1f0b_4c1c_9d5e_0d2f7d1c9b11";
const std::string kUserManager = "/user.slice/user-1000.slice/user@1000.service";

struct Case {
  std::string path;
  Identity expected;
};

void expect(const std::vector<Case>& cases) {
  for (const auto& [path, expected] : cases) EXPECT_EQ(of_path(path), expected) << path;
}

Identity unit(Kind kind, std::string name, std::string slice = "system.slice") {
  return {.kind = kind, .unit = std::move(name), .slice = std::move(slice)};
}

TEST(OfPath, UnitsOfTheSystem) {
  expect({
      {"/", {.kind = Kind::root}},
      {"", {.kind = Kind::root}},
      {"/system.slice", {.kind = Kind::slice, .slice = "system.slice"}},
      {"/a.slice/a-b.slice", {.kind = Kind::slice, .slice = "a-b.slice"}},
      {"/system.slice/ssh.service", unit(Kind::service, "ssh.service")},
      {"/system.slice/system-getty.slice/getty@tty1.service",
       unit(Kind::service, "getty@tty1.service", "system-getty.slice")},
      {"/init.scope", unit(Kind::scope, "init.scope", "")},
      {"/system.slice/dev-hugepages.mount", unit(Kind::unit, "dev-hugepages.mount")},
      // Below a unit everything is its own affair, whatever it is called.
      {"/system.slice/ssh.service/worker", unit(Kind::group, "ssh.service")},
      {"/system.slice/a.service/b.slice/c.service", unit(Kind::group, "a.service")},
      // systemd puts "_" before what would be a file of the kernel.
      {"/system.slice/_cpu.service", unit(Kind::service, "cpu.service")},
      {"/_cgroup.slice/_.service.service", unit(Kind::service, ".service.service", "cgroup.slice")},
      // The name of a unit keeps its escapes.
      {R"(/system.slice/a\x2db.service)", unit(Kind::service, R"(a\x2db.service)")},
      // No unit: a template, a type that is none, a character that no unit has.
      {"/system.slice/getty@.service", {.slice = "system.slice"}},
      {"/system.slice/a.services", {.slice = "system.slice"}},
      {"/system.slice/a b.service", {.slice = "system.slice"}},
      {"/mine", {}},
  });
}

TEST(OfPath, UsersAndSessions) {
  expect({
      {"/user.slice/user-1000.slice",
       {.kind = Kind::slice, .slice = "user-1000.slice", .user = "1000"}},
      {"/user.slice/user-1000.slice/session-3.scope",
       {.kind = Kind::session,
        .unit = "session-3.scope",
        .slice = "user-1000.slice",
        .session = "3",
        .user = "1000"}},
      {"/user.slice/user-1000.slice/session-a_b.scope",
       {.kind = Kind::scope,
        .unit = "session-a_b.scope",
        .slice = "user-1000.slice",
        .user = "1000"}},
      {kUserManager,
       {.kind = Kind::service,
        .unit = "user@1000.service",
        .slice = "user-1000.slice",
        .user = "1000"}},
      {kUserManager + "/app.slice/app-x.slice/web.service",
       {.kind = Kind::service,
        .unit = "web.service",
        .slice = "app-x.slice",
        .user = "1000",
        .owner = 1000}},
      {kUserManager + "/init.scope",
       {.kind = Kind::scope,
        .unit = "init.scope",
        .slice = "user-1000.slice",
        .user = "1000",
        .owner = 1000}},
      {kUserManager + "/app.slice",
       {.kind = Kind::slice,
        .unit = "user@1000.service",
        .slice = "app.slice",
        .user = "1000",
        .owner = 1000}},
      {"/user.slice/user-x.slice", {.kind = Kind::slice, .slice = "user-x.slice"}},
      // Not a uid: the two that mean "none".
      {"/user.slice/user-65535.slice", {.kind = Kind::slice, .slice = "user-65535.slice"}},
  });
}

Identity container(std::string runtime, std::string unit_name, std::string slice) {
  return {.kind = Kind::container,
          .unit = std::move(unit_name),
          .slice = std::move(slice),
          .runtime = std::move(runtime),
          .container_id = kId};
}

Identity of_pod(Identity identity) {
  identity.pod_uid = kUid;
  return identity;
}

Identity group(Identity identity) {
  identity.kind = Kind::group;
  return identity;
}

TEST(OfPath, KubernetesWithTheSystemdDriver) {
  for (const std::string qos : {"", "burstable-", "besteffort-"}) {
    const std::string parent =
        qos.empty() ? "/kubepods.slice/"
                    : "/kubepods.slice/kubepods-" + qos.substr(0, qos.size() - 1) + ".slice/";
    const std::string slice = "kubepods-" + qos + "pod" + kUidInSlice + ".slice";
    Identity pod{.kind = Kind::pod, .slice = slice, .pod_uid = kUid};
    expect({
        {parent + slice, pod},
        {parent + slice + "/cri-containerd-" + kId + ".scope",
         of_pod(container("containerd", "cri-containerd-" + kId + ".scope", slice))},
        {parent + slice + "/crio-" + kId + ".scope",
         of_pod(container("cri-o", "crio-" + kId + ".scope", slice))},
        {parent + slice + "/crio-" + kId + ".scope/container",
         group(of_pod(container("cri-o", "crio-" + kId + ".scope", slice)))},
        {parent + slice + "/docker-" + kId + ".scope",
         of_pod(container("docker", "docker-" + kId + ".scope", slice))},
    });
    // A helper of cri-o is in the pod and no container.
    EXPECT_EQ(of_path(parent + slice + "/crio-conmon-" + kId + ".scope"),
              of_pod(unit(Kind::scope, "crio-conmon-" + kId + ".scope", slice)));
  }
}

TEST(OfPath, KubernetesWithTheCgroupfsDriver) {
  for (const std::string qos : {"", "/burstable", "/besteffort"}) {
    const std::string pod = "/kubepods" + qos + "/pod" + kUid;
    expect({
        {pod, {.kind = Kind::pod, .pod_uid = kUid}},
        {pod + "/" + kId, of_pod(container("", "", ""))},
        {pod + "/crio-" + kId, of_pod(container("cri-o", "", ""))},
    });
    EXPECT_EQ(of_path("/kubepods" + qos).pod_uid, "");
  }
  // The uid of a static pod is a hash.
  EXPECT_EQ(of_path("/kubepods/burstable/pod" + std::string(32, 'c')).pod_uid,
            std::string(32, 'c'));
}

TEST(OfPath, KubernetesWithDriversThatDisagree) {
  const std::string slice = "kubepods-besteffort-pod" + std::string(kUidInSlice) + ".slice";
  expect({
      {"/system.slice/containerd.service/" + slice + ":cri-containerd:" + kId,
       of_pod(container("containerd", "containerd.service", "system.slice"))},
      {"/" + slice + ":cri-containerd:" + kId, of_pod(container("containerd", "", ""))},
      {"/" + slice + ":crio:" + kId, of_pod(container("cri-o", "", ""))},
  });
}

TEST(OfPath, KubernetesInAContainer) {
  const std::string node = "/system.slice/docker-" + kOther + ".scope";
  const std::string unit_name = "docker-" + kOther + ".scope";
  const std::string slice = "kubelet-kubepods-burstable-pod" + std::string(kUidInSlice) + ".slice";
  const std::string pods =
      node + "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/";
  Identity pod{.kind = Kind::pod,
               .unit = unit_name,
               .slice = "system.slice",
               .runtime = "docker",
               .container_id = kOther,
               .pod_uid = kUid,
               .nested = true};
  Identity inner = of_pod(container("containerd", unit_name, "system.slice"));
  inner.nested = true;
  expect({{pods + slice, pod}, {pods + slice + "/cri-containerd-" + kId + ".scope", inner}});
  Identity cgroupfs = of_pod(container("", "", ""));
  cgroupfs.nested = true;
  expect({{"/docker/" + kOther + "/kubelet/kubepods/besteffort/pod" + kUid + "/" + kId, cgroupfs}});
  // As the node itself sees it.
  const std::string own = "kubelet-kubepods-pod" + std::string(kUidInSlice) + ".slice";
  EXPECT_EQ(
      of_path("/kubelet.slice/kubelet-kubepods.slice/" + own + "/cri-containerd-" + kId + ".scope"),
      of_pod(container("containerd", "cri-containerd-" + kId + ".scope", own)));
}

TEST(OfPath, Docker) {
  const auto systemd = container("docker", "docker-" + kId + ".scope", "system.slice");
  expect({
      {"/system.slice/docker-" + kId + ".scope", systemd},
      {"/system.slice/docker-" + kId + ".scope/init.scope", group(systemd)},
      {"/docker/" + kId, container("docker", "", "")},
      {"/docker/" + kId + "/a/b", group(container("docker", "", ""))},
      {"/docker", {}},
      {"/system.slice/docker.service", unit(Kind::service, "docker.service")},
      {"/system.slice/docker-short.scope", unit(Kind::scope, "docker-short.scope")},
  });
  Identity inner = container("docker", "docker-" + kOther + ".scope", "system.slice");
  inner.nested = true;
  EXPECT_EQ(of_path("/system.slice/docker-" + kOther + ".scope/docker/" + kId), inner);
}

TEST(OfPath, Podman) {
  const std::string scope = "libpod-" + kId + ".scope";
  Identity rootless = container("podman", scope, "user.slice");
  rootless.user = "1000";
  rootless.owner = 1000;
  Identity in_pod = container("podman", scope, "machine-libpod_pod_" + kOther + ".slice");
  in_pod.pod_uid = kOther;
  Identity pod_cgroupfs = container("podman", "", "");
  pod_cgroupfs.pod_uid = kOther;
  expect({
      {"/machine.slice/" + scope, container("podman", scope, "machine.slice")},
      {"/machine.slice/" + scope + "/container",
       group(container("podman", scope, "machine.slice"))},
      {"/libpod_parent/libpod-" + kId, container("podman", "", "")},
      {"/machine.slice/libpod-conmon-" + kId + ".scope",
       unit(Kind::scope, "libpod-conmon-" + kId + ".scope", "machine.slice")},
      {"/libpod_parent/libpod-conmon-" + kId, {}},
      // --cgroups=split, as a quadlet has it: in the cgroup of the service.
      {"/system.slice/web.service/libpod-payload-" + kId,
       container("podman", "web.service", "system.slice")},
      {"/system.slice/web.service/libpod-payload-" + kId + "/container",
       group(container("podman", "web.service", "system.slice"))},
      {"/system.slice/web.service/supervisor", unit(Kind::group, "web.service")},
      {"/system.slice/web.service/runtime", unit(Kind::group, "web.service")},
      {kUserManager + "/user.slice/" + scope, rootless},
      {"/machine.slice/machine-libpod_pod_" + kOther + ".slice",
       {.kind = Kind::pod, .slice = "machine-libpod_pod_" + kOther + ".slice", .pod_uid = kOther}},
      {"/machine.slice/machine-libpod_pod_" + kOther + ".slice/" + scope, in_pod},
      {"/libpod_parent/" + kOther, {.kind = Kind::pod, .pod_uid = kOther}},
      {"/libpod_parent/" + kOther + "/libpod-" + kId, pod_cgroupfs},
  });
  rootless.unit = "web.service";
  rootless.slice = "app.slice";
  EXPECT_EQ(of_path(kUserManager + "/app.slice/web.service/libpod-payload-" + kId), rootless);
  const std::string slice = "user-libpod_pod_" + kOther + ".slice";
  rootless.unit = scope;
  rootless.slice = slice;
  rootless.pod_uid = kOther;
  EXPECT_EQ(of_path(kUserManager + "/user.slice/" + slice + "/" + scope), rootless);
}

Identity machine(Kind kind, std::string runtime, std::string name, std::string unit_name) {
  return {.kind = kind,
          .unit = std::move(unit_name),
          .slice = "machine.slice",
          .runtime = std::move(runtime),
          .container = std::move(name)};
}

TEST(OfPath, MachinesAreToldApart) {
  expect({
      {"/machine.slice/machine-web.scope",
       machine(Kind::machine, "nspawn", "web", "machine-web.scope")},
      {R"(/machine.slice/machine-web\x2d1.scope)",
       machine(Kind::machine, "nspawn", "web-1", R"(machine-web\x2d1.scope)")},
      {"/machine.slice/systemd-nspawn@web.service",
       machine(Kind::machine, "nspawn", "web", "systemd-nspawn@web.service")},
      {"/machine.slice/systemd-nspawn@web.service/payload/system.slice/ssh.service",
       group(machine(Kind::machine, "nspawn", "web", "systemd-nspawn@web.service"))},
      {"/machine.slice/systemd-nspawn@web.service/supervisor",
       unit(Kind::group, "systemd-nspawn@web.service", "machine.slice")},
      {R"(/machine.slice/machine-qemu\x2d1\x2dweb\x2ddb.scope)",
       machine(Kind::vm, "libvirt", "web-db", R"(machine-qemu\x2d1\x2dweb\x2ddb.scope)")},
      {R"(/machine.slice/machine-qemu\x2d1\x2dvm.scope/libvirt/emulator)",
       group(machine(Kind::vm, "libvirt", "vm", R"(machine-qemu\x2d1\x2dvm.scope)"))},
      {R"(/machine.slice/machine-lxc\x2d12\x2dbox.scope)",
       machine(Kind::machine, "libvirt", "box", R"(machine-lxc\x2d12\x2dbox.scope)")},
      // An nspawn machine may be called almost like that.
      {R"(/machine.slice/machine-qemu\x2dx\x2dvm.scope)",
       machine(Kind::machine, "nspawn", "qemu-x-vm", R"(machine-qemu\x2dx\x2dvm.scope)")},
      {"/machine/qemu-3-vm.libvirt-qemu",
       {.kind = Kind::vm, .runtime = "libvirt", .container = "vm"}},
      {"/lxc.payload.web", {.kind = Kind::machine, .runtime = "lxc", .container = "web"}},
      {"/lxc.payload.web/system.slice/ssh.service", {.runtime = "lxc", .container = "web"}},
      {"/lxc/web", {.kind = Kind::machine, .runtime = "lxc", .container = "web"}},
      {"/lxc.monitor.web", {}},
      // LXC 3.
      {"/lxc.payload/web", {.kind = Kind::machine, .runtime = "lxc", .container = "web"}},
      {"/lxc.payload/web/init.scope", {.runtime = "lxc", .container = "web"}},
      {"/lxc.payload", {}},
      {"/lxc.monitor/web", {}},
  });
}

TEST(OfPath, OurWorkloads) {
  Identity web{.kind = Kind::workload,
               .unit = "web.scope",
               .slice = "cgwarden.slice",
               .runtime = "cgwarden",
               .container = "web"};
  expect({
      {"/cgwarden.slice/web.scope", unit(Kind::scope, "web.scope", "cgwarden.slice")},
      {"/cgwarden.slice/web.scope/supervisor", unit(Kind::group, "web.scope", "cgwarden.slice")},
      {"/cgwarden.slice/web.scope/payload", web},
      {"/cgwarden.slice/web.scope/payload/a", group(web)},
  });
}

TEST(OfPath, ContainersOfContainerd) {
  expect({
      {"/default/" + kId, container("containerd", "", "")},
      {"/system.slice/nerdctl-" + kId + ".scope",
       container("containerd", "nerdctl-" + kId + ".scope", "system.slice")},
  });
}

TEST(UnitName, Unescape) {
  EXPECT_EQ(unescape_unit(R"(web\x2d1)"), "web-1");
  EXPECT_EQ(unescape_unit("a-b"), "a/b");
  for (const auto* broken : {R"(a\)", R"(a\x)", R"(a\x2)", R"(a\xzz)", R"(a\n22)"}) {
    EXPECT_EQ(unescape_unit(broken), broken);
  }
  EXPECT_FALSE(is_unit_name(std::string(256, 'a') + ".service"));
  EXPECT_FALSE(is_unit_name(".service"));
  EXPECT_FALSE(is_unit_name("@a.service"));
  EXPECT_FALSE(is_slice_name("a@b.slice"));
}

}  // namespace
}  // namespace cgwarden::identity
