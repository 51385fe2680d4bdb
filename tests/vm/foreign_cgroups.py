"""Cgroups of somebody else in a guest without systemd: a unit's, and a container's as kubelet leaves them."""

import contextlib
import json

ROOT = "/sys/fs/cgroup"
UNIT = "/system.slice/report.service"
POD_UID = "6a1d1a3e-1f0b-4c1c-9d5e-0d2f7d1c9b11"
CONTAINER_ID = "c" * 64
PODS = f"/kubepods/burstable/pod{POD_UID}"
CONTAINER = f"{PODS}/{CONTAINER_ID}"
TASKS = "/run/containerd/io.containerd.runtime.v2.task/k8s.io"
NAMES = {
    "annotations": {
        "io.kubernetes.cri.container-type": "container",
        "io.kubernetes.cri.sandbox-name": "shop",
        "io.kubernetes.cri.sandbox-namespace": "web",
        "io.kubernetes.cri.image-name": "registry.example.org/cart:1",
    }
}


def make(guest, path, limits):
    """The cgroup with every controller that the root has, and the limits {file: value}."""
    guest.run(
        f"set -e; at={ROOT}; controllers=$(sed 's/[a-z]*/+&/g' {ROOT}/cgroup.subtree_control); "
        f"for part in {path.replace('/', ' ')}; do at=$at/$part; mkdir -p $at; "
        f'[ $at = {ROOT}{path} ] || echo "$controllers" > $at/cgroup.subtree_control; done',
        check=True,
    )
    for file, value in limits.items():
        guest.write_file(f"{ROOT}{path}/{file}", value)


@contextlib.contextmanager
def running(guest, unit, container):
    """Both, each as (shell command, limits), until the block ends. Gives what starts the container again."""
    guest.run(f"echo '+cpu +memory +pids +io' > {ROOT}/cgroup.subtree_control", check=True)
    guest.run(
        f"mkdir -p {TASKS}/{CONTAINER_ID} /var/log/containers && "
        f"ln -sf /dev/null /var/log/containers/shop_web_cart-{CONTAINER_ID}.log",
        check=True,
    )
    guest.write_file(f"{TASKS}/{CONTAINER_ID}/config.json", json.dumps(NAMES))
    processes = {}

    def start(path, command, limits):
        make(guest, path, limits)
        processes[path] = guest.spawn(command, cgroup=f"{ROOT}{path}")

    def end(path):
        guest.run(f"echo 1 > {ROOT}{path}/cgroup.kill", check=True)
        processes[path].wait(30)

    def again():
        """As its runtime does: another cgroup of the same name, whatever became of the first."""
        end(CONTAINER)
        guest.run(f"until rmdir {ROOT}{CONTAINER}; do sleep 0.2; done 2>/dev/null", check=True)
        start(CONTAINER, *container)

    try:
        start(UNIT, *unit)
        start(CONTAINER, *container)
        yield again
    finally:
        for path in processes:
            end(path)
        guest.run(
            f"rm -rf {TASKS} /var/log/containers; for t in system.slice kubepods; do "
            f"find {ROOT}/$t -depth -type d -exec rmdir {{}} +; done"
        )
