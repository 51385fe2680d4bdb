"""A bridged workload over the bus, where systemd and its network rules run."""

import pytest
from test_agent_systemd import run, scenario, start  # noqa: F401  (scenario is a fixture)

pytestmark = pytest.mark.systemd

SERVER = ["/bin/busybox", "httpd", "-f", "-p", "80", "-h", "/www"]
BRIDGED = 'network: bridge\nports: ["8080:80"]\n'


def test_run_and_stop_bring_and_take_the_network(scenario):  # noqa: F811
    guest = scenario.guest
    guest.run(f"mkdir {scenario.rootfs}/www && echo hello > {scenario.rootfs}/www/index.html", check=True)
    start(scenario)
    started = run(scenario, "web", SERVER, extra=BRIDGED)
    assert started.returncode == 0, started.stderr
    # The bridge is still ours after udev has seen it: a second workload comes onto it.
    assert run(scenario, "app", SERVER, extra="network: bridge\n").returncode == 0
    assert guest.run(["curl", "-s", "http://127.0.0.1:8080/"], check=True).text == "hello\n"
    other = run(scenario, "other", SERVER, extra=BRIDGED)
    assert other.returncode == 1
    assert other.stderr.decode().strip() == (
        "cgwarden: cannot start other: network: the port 8080/tcp is published by the workload web")
    for name in ("app", "web"):
        scenario.cli("stop", name, check=True)
    # At once: a stop returns when all is gone.
    assert "cgw" not in guest.run("ls /sys/class/net", check=True).text
    assert guest.run(["nft", "list", "table", "inet", "cgwarden0"]).returncode != 0
    assert guest.run(f"ls {scenario.work}/run/network").text.split() == ["lock"]
