"""Networks of workloads: bridge, published ports, CNI, and what is left of them: nothing."""

import itertools
import json
from types import SimpleNamespace

import pytest
from agent_scenario import BUILD, Scenario
from test_oci_runtime import Runtime

pytestmark = pytest.mark.fast

PROGRAM = BUILD / "launcher" / "cgwarden-network"
BRIDGE = "cgwarden0"
SERVER = ["/bin/busybox", "httpd", "-f", "-p", "80", "-h", "/www"]
PAGE = "answered by a workload\n"


class Network(Scenario):
    """An agent, a namespace `outside` beyond the host, and clients of all kinds."""

    def __init__(self, guest):
        super().__init__(guest)
        guest.run("ip link set lo up", check=True)
        guest.run(
            f"cd {self.rootfs} && mkdir -p www/cgi-bin etc && printf '{PAGE[:-1]}\\n' > www/index.html && "
            "printf '#!/bin/sh\\na=${REMOTE_ADDR#[[]::ffff:}; echo; echo ${a%%]}\\n' > www/cgi-bin/client && "
            "chmod +x www/cgi-bin/client && "
            "ip netns add outside && ip link add out0 type veth peer name eth0 netns outside && "
            "ip addr add 192.0.2.1/24 dev out0 && ip link set out0 mtu 1450 up && "
            "ip route add default via 192.0.2.2 && "
            "ip netns exec outside sh -c 'ip addr add 192.0.2.2/24 dev eth0; ip link set eth0 up; ip link set lo up; "
            "ip route add default via 192.0.2.1'",
            check=True,
        )
        self.names = itertools.count(1)
        # The server outside says from which address it is asked.
        self.servers = [
            guest.spawn(["ip", "netns", "exec", "outside", "busybox", "httpd", "-f", "-p", "7000", "-h",
                         f"{self.rootfs}/www"]),
            guest.spawn(["busybox", "httpd", "-f", "-p", "7001", "-h", f"{self.rootfs}/www"]),
        ]

    def __exit__(self, *arguments):
        for server in self.servers:
            server.kill(9)
            server.wait(30)
        super().__exit__(*arguments)
        self.guest.run(f"ip netns del outside; ip link del out0; ip link del {BRIDGE}; nft delete table inet {BRIDGE}")

    def agent_command(self, *extra):
        return super().agent_command(
            "--cni-config-dir", f"{self.work}/cni", "--cni-plugin-dir", f"{self.work}/plugins",
            "--cni-plugin-dir", "/usr/lib/cni", *extra)

    def new_name(self):
        """The agent starts a name of its directory once."""
        return f"web{next(self.names)}"

    def serve(self, name, ports=(), network="bridge"):
        """A web server as a workload; what it was given."""
        self.add_workload(name, SERVER, extra=f"network: {network}\nports: {json.dumps(list(ports))}\n")
        self.wait_running(name)
        return self.state_file(name, "network.json")

    def pid(self, name):
        return self.status(name)["main_pid"]

    def end(self, name):
        """Ends the workload by its process: without a bus there is no stop."""
        self.guest.run(f"kill -9 {self.pid(name)}", check=True)
        self.wait_died(name)

    def end_all(self):
        """Whatever a test left running."""
        self.guest.run("for p in /sys/fs/cgroup/cgwarden.slice/*.scope/payload; do echo 1 > $p/cgroup.kill; done")

    def get(self, url, where=(), seconds=20):
        """(exit code, body) of an HTTP request made in a network namespace."""
        done = self.guest.run([*where, "curl", "-s", "--connect-timeout", str(seconds), f"http://{url}"], timeout=90)
        return done.returncode, done.text

    def inside(self, name):
        return ["nsenter", "-n", "-t", str(self.pid(name))]

    def table(self):
        return self.guest.run(["nft", "list", "table", "inet", BRIDGE]).text

    def leases(self):
        return self.guest.run(f"ls {self.work}/run/network").text.split()

    def interfaces(self):
        return [name for name in self.guest.run("ls /sys/class/net", check=True).text.split()
                if name.startswith("cgw")]

    def nothing_left(self):
        return not self.interfaces() and not self.table() and self.leases() == ["lock"]

    def ask(self, request):
        """cgwarden-network itself."""
        done = self.guest.run([PROGRAM], stdin=json.dumps(request).encode(), timeout=180)
        return json.loads(done.stdout)

    def mark(self, pid):
        stat = self.guest.read_file(f"/proc/{pid}/stat").decode()
        return {"pid": pid, "startTime": int(stat.rpartition(")")[2].split()[19])}


OUTSIDE = ("ip", "netns", "exec", "outside")


@pytest.fixture(scope="module")
def network(machine_slot):
    with Network(machine_slot.guest()) as made:
        made.start_agent()
        yield made
        made.end_all()


@pytest.fixture
def web(network):
    """A workload with published ports, and nothing of it afterwards."""
    name = network.new_name()
    given = network.serve(name, ["8080:80", "127.0.0.1:8081:80/tcp"])
    yield SimpleNamespace(name=name, address=given["address"].split("/")[0])
    network.end_all()
    network.until(network.nothing_left, "everything to be gone")


def test_workloads_reach_one_another_the_host_and_beyond(network, web):
    app = network.serve("app")
    assert (web.address, app["address"], app["gateway"]) == ("10.77.0.2", "10.77.0.3/16", "10.77.0.1")
    client = network.inside("app")
    assert network.get(f"{web.address}/", client) == (0, PAGE)
    assert network.get(f"{web.address}/cgi-bin/client", client) == (0, "10.77.0.3\n")
    assert network.get("10.77.0.1:7001/", client) == (0, PAGE)
    assert network.get(f"{web.address}/") == (0, PAGE)
    # The MTU of the way out.
    assert "mtu 1450" in network.guest.run([*client, "ip", "link", "show", "eth0"], check=True).text
    # Masqueraded: beyond the host nobody knows the way to the workload.
    assert network.get("192.0.2.2:7000/cgi-bin/client", client) == (0, "192.0.2.1\n")
    assert network.guest.read_file("/proc/sys/net/ipv4/ip_forward") == b"1\n"
    # Somebody who does is kept out of what is not published.
    assert network.get(f"{web.address}/", OUTSIDE, seconds=2)[0] == 28
    hosts = network.guest.read_file(f"/proc/{network.pid('app')}/root/etc/hosts").decode()
    assert "10.77.0.3 app\n" in hosts and "10.77.0.1 host.containers.internal\n" in hosts
    network.end("app")
    network.until(lambda: network.leases() == ["lock", f"{web.name}.json"], "the lease to go")
    assert len(network.interfaces()) == 2 and "10.77.0.2:80" in network.table()


def test_published_ports_answer_from_everywhere_they_should(network, web):
    for url in ("127.0.0.1:8080", "localhost:8080", "127.0.0.1:8081", "192.0.2.1:8080", "10.77.0.1:8080"):
        assert network.get(url) == (0, PAGE), url
    assert network.get("192.0.2.1:8080/", OUTSIDE) == (0, PAGE)
    assert network.get("192.0.2.1:8080/cgi-bin/client", OUTSIDE) == (0, "192.0.2.2\n")
    # Published on the loopback address only.
    assert network.get("192.0.2.1:8081/", OUTSIDE)[0] == 7
    # Hairpin: the workload itself, by the host's address.
    assert network.get("192.0.2.1:8080/", network.inside(web.name)) == (0, PAGE)
    # The host's loopback services stay the host's.
    answer = network.guest.run(
        [*network.inside(web.name), "sh", "-c",
         "ip route add 127.0.0.9/32 via 10.77.0.1; echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet; "
         "ip route del local 127.0.0.0/8 table local; curl -s --connect-timeout 2 http://127.0.0.9:7001/"])
    assert answer.returncode != 0 and PAGE not in answer.text


def test_a_udp_port_is_published(network):
    name = network.new_name()
    network.serve(name, ["5353:53/udp"])
    got = f"{network.work}/got"
    for where, address in (((), "127.0.0.1"), (OUTSIDE, "192.0.2.1")):
        # Starts the command with the first datagram, and the socket as its standard input.
        server = network.guest.spawn([
            *network.inside(name), "systemd-socket-activate", "--datagram", "--listen=0.0.0.0:53", "--inetd",
            "sh", "-c", f"head -c 6 > {got}"])
        try:
            network.guest.run(
                [*where, "bash", "-c",
                 f"for i in $(seq 100); do echo asked > /dev/udp/{address}/5353; [ -s {got} ] && break; sleep 0.2; done"],
                timeout=90)
            assert network.guest.run(f"cat {got}; rm {got}").text == "asked\n", (address, server.stderr)
        finally:
            server.kill(9)
            server.wait(30)
    # The same number over TCP is nobody's.
    assert network.get("127.0.0.1:5353")[0] == 7
    network.end_all()
    network.until(network.nothing_left, "everything to be gone")


def test_rules_that_a_firewall_flushed_come_back(network, web):
    network.guest.run("nft flush ruleset; echo 0 > /proc/sys/net/ipv4/ip_forward", check=True)
    assert network.get("127.0.0.1:8080")[0] == 7
    network.agent.kill(1)  # a reload
    network.until(lambda: network.get("127.0.0.1:8080") == (0, PAGE), "the published port")
    assert network.guest.read_file("/proc/sys/net/ipv4/ip_forward") == b"1\n"


def test_a_workload_keeps_its_network_without_the_agent(network, web):
    network.kill_agent()
    assert network.get("127.0.0.1:8080") == (0, PAGE)
    network.start_agent()
    assert f"workload_adopted workload={web.name} " in network.log()
    assert network.get("127.0.0.1:8080") == (0, PAGE)
    assert network.get(f"{web.address}/") == (0, PAGE)
    # Gone with the workload, whoever is there to see it.
    network.kill_agent()
    network.guest.run(f"kill -9 {network.pid(web.name)}", check=True)
    network.until(network.nothing_left, "everything to be gone")
    network.start_agent()


def test_killed_shims_leave_nothing(network, web):
    # Under the eyes of the agent.
    network.guest.run(f"kill -9 {network.status(web.name)['shim_pid']}", check=True)
    network.until(network.nothing_left, "everything to be gone")
    # Together with the agent: the next one clears away.
    network.serve("second", ["8080:80"])
    shim = network.status("second")["shim_pid"]
    network.kill_agent()
    network.guest.run(f"kill -9 {shim}", check=True)
    assert not network.nothing_left()
    network.start_agent()
    network.until(network.nothing_left, "everything to be gone")


@pytest.fixture
def bare(network):
    """Requests to cgwarden-network itself, with a process whose namespace it may connect."""

    class Bare:
        def __init__(self):
            self.holder = network.guest.spawn(["sleep", "1000"])
            self.inhabitant = network.guest.spawn(["unshare", "-n", "sleep", "1000"])
            network.until(lambda: network.guest.run(
                f"[ $(readlink /proc/{self.inhabitant.pid}/ns/net) != $(readlink /proc/self/ns/net) ]"
            ).returncode == 0, "a namespace")
            self.network = {
                "mode": "bridge", "stateDir": f"{network.work}/run/network", "bridge": BRIDGE,
                "subnet": "10.77.0.0/16", "mtu": 0, "ports": []}

        def request(self, verb, name="bare", **changes):
            return {"verb": verb, "name": name, "network": self.network | changes,
                    "holder": network.mark(self.holder.pid), "inhabitant": network.mark(self.inhabitant.pid)}

        def refusal(self, **changes):
            return network.ask(self.request("add", **changes))["error"]["text"]

        def close(self):
            for process in (self.holder, self.inhabitant):
                process.kill(9)
                process.wait(30)

    made = Bare()
    yield made
    made.close()
    network.ask({"verb": "sweep", "name": "", "network": made.network})
    assert network.nothing_left()


def test_what_cannot_be_is_one_sentence(network, bare):
    refusal = bare.refusal
    assert refusal(ports=["7001:80"]) == (
        "the port 7001/tcp is used by a program of the host (ss -lnp shows it)")
    assert refusal(subnet="192.0.2.0/28") == (
        "the subnet 192.0.2.0/28 of cgwarden0 overlaps the route to 192.0.2.0/24; choose another with "
        "--network-subnet")
    assert refusal(bridge="out0").startswith("the interface out0 exists and is not the bridge of this agent")
    assert network.nothing_left()
    name = network.new_name()
    web = network.serve(name, ["127.0.0.1:8080:80"])
    assert refusal(ports=["8080:81"]) == f"the port 8080/tcp is published by the workload {name}"
    assert web["address"] == "10.77.0.2/16"
    assert refusal(subnet="10.77.0.0/30") == (
        "the bridge cgwarden0 has workloads in 10.77.0.0/16; stop them before --network-subnet changes to 10.77.0.0/30")
    network.end(name)
    network.until(network.nothing_left, "everything to be gone")
    # A subnet with room for one.
    one = network.ask(bare.request("add", subnet="10.77.0.0/30"))
    assert one["address"] == "10.77.0.2/30"
    assert network.ask(bare.request("add", name="second", subnet="10.77.0.0/30"))["error"]["text"] == (
        "the subnet 10.77.0.0/30 of cgwarden0 has no free address; stop a workload or choose a larger one with "
        "--network-subnet")
    network.ask(bare.request("remove", subnet="10.77.0.0/30"))
    rootless = network.guest.run(
        ["setpriv", "--reuid", "65534", "--clear-groups", PROGRAM], stdin=json.dumps(bare.request("add")).encode())
    assert "need root" in json.loads(rootless.stdout)["error"]["text"]
    # And as the agent tells it.
    network.add_workload("late", SERVER, extra='network: bridge\nports: ["7001:80"]\n')
    network.wait_died("late")
    text = network.cli("why", "late").text
    assert "never started: the port 7001/tcp is used by a program of the host" in text and "stage network" in text


def test_killed_at_any_point_nothing_stays(network, bare):
    text = json.dumps(bare.request("add", ports=["8080:80"]))
    network.guest.write_file(f"{network.work}/request.json", text)
    for tenths in (0.3, 1, 3):
        network.guest.run(
            f"timeout -s KILL {tenths / 10} {PROGRAM} < {network.work}/request.json")
        # The next request of that name starts afresh, wherever the last one was.
        answer = network.ask(bare.request("add", ports=["8080:80"], mtu=1400))
        assert answer["address"] == "10.77.0.2/16", answer
    inside = ["nsenter", "-n", "-t", str(bare.inhabitant.pid)]
    assert "mtu 1400" in network.guest.run([*inside, "ip", "link", "show", "eth0"], check=True).text
    bare.close()
    network.ask({"verb": "sweep", "name": "", "network": bare.network})
    assert network.nothing_left()


# --- CNI

# Keeps what it was called with; its result is the one before with a name server.
RECORDER = r"""#!/bin/sh
env | grep ^CNI_ > {work}/$CNI_COMMAND.env
cat > {work}/$CNI_COMMAND.json
[ $CNI_COMMAND != ADD ] || sed 's/.*"prevResult":\(.*\),"runtimeConfig".*/\1/; s/"dns":{{}}/"dns":{{"nameservers":["10.99.0.53"]}}/' \
  {work}/ADD.json | tee {work}/ADD.result
[ $CNI_COMMAND != CHECK ] || {{ cat {work}/plugins/fault; exit 1; }} >&2
"""


@pytest.fixture
def cni(network):
    """The networks `real` (Debian's bridge, then a plugin that records its calls) and `short` (one that is missing)."""
    work = network.work
    network.guest.run(f"mkdir -p {work}/cni {work}/plugins", check=True)
    bridge = {"type": "bridge", "bridge": "cni9", "isGateway": True,
              "ipam": {"type": "host-local", "dataDir": f"{work}/ipam", "routes": [{"dst": "0.0.0.0/0"}],
                       "ranges": [[{"subnet": "10.99.0.0/24"}]]}}
    last = {"real": {"type": "recorder", "capabilities": {"portMappings": True}}, "short": {"type": "no-such-plugin"}}
    for name, plugin in last.items():
        network.guest.write_file(f"{work}/cni/{name}.conflist", json.dumps(
            {"cniVersion": "1.0.0", "name": name, "plugins": [bridge, plugin]}))
    network.guest.write_file(f"{work}/plugins/recorder", RECORDER.format(work=work))
    network.guest.run(f"chmod +x {work}/plugins/recorder", check=True)
    yield f"{work}/ipam/real"
    network.end_all()
    network.until(network.nothing_left, "everything to be gone")
    network.guest.run("ip link del cni9")


def test_cni_plugins_make_and_remove_the_network(network, cni):
    given = network.serve("plugged", ["8082:80"], network="{cni: real}")
    assert (given["address"], given["gateway"], given["interface"]) == ("10.99.0.2/24", "10.99.0.1", "eth0")
    assert network.get("10.99.0.2/") == (0, PAGE)

    def recorded(command):
        env = dict(line.split("=", 1) for line in
                   network.guest.read_file(f"{network.work}/{command}.env").decode().splitlines())
        return env, json.loads(network.guest.read_file(f"{network.work}/{command}.json"))

    env, document = recorded("ADD")
    assert env["CNI_CONTAINERID"] == "cgwarden-plugged" and env["CNI_IFNAME"] == "eth0"
    assert env["CNI_NETNS"].startswith("/proc/") and env["CNI_PATH"] == f"{network.work}/plugins:/usr/lib/cni"
    assert document["name"] == "real" and document["prevResult"]["ips"][0]["address"] == "10.99.0.2/24"
    assert document["runtimeConfig"]["portMappings"] == [{"hostPort": 8082, "containerPort": 80, "protocol": "tcp"}]
    result = json.loads(network.guest.read_file(f"{network.work}/ADD.result"))
    assert [link["name"] for link in result["interfaces"]][-1] == "eth0"
    root = f"/proc/{network.pid('plugged')}/root/etc"
    assert network.guest.read_file(f"{root}/resolv.conf").startswith(b"nameserver 10.99.0.53\n")
    # A reload has the plugins check; one that finds a fault is heard.
    network.guest.write_file(f"{network.work}/plugins/fault", "it is not as it was")
    network.agent.kill(1)
    network.until(lambda: "network_broken" in network.log(), "the fault")
    assert (f'network_broken error="the network of plugged: the CNI plugin {network.work}/plugins/recorder failed: '
            'it is not as it was"') in network.log()
    env, document = recorded("CHECK")
    assert env["CNI_NETNS"].startswith("/proc/") and document["prevResult"] == result
    # The shim is killed: DEL comes from the agent's sweep, with the cached result and configuration.
    network.guest.run(f"rm {network.work}/cni/real.conflist; kill -9 {network.status('plugged')['shim_pid']}", check=True)
    network.until(lambda: network.leases() == ["lock"], "the lease to go")
    _, document = recorded("DEL")
    assert document["prevResult"] == result
    assert "10.99.0.2" not in network.guest.run(f"ls {cni}").text


def test_cni_networks_that_cannot_be_made_say_why(network, bare, cni):
    for name, ports, reason in (
        ("nowhere", [], "no CNI network in /run/cgw"),
        ("short", [], "the CNI plugin no-such-plugin is not in /run/cgw"),
        ("short", ["8083:80"], "no plugin of the CNI network short publishes ports"),
    ):
        refusal = bare.refusal(mode="cni", cni=name, ports=ports, cniConfigDir=f"{network.work}/cni",
                               cniPluginDirs=[f"{network.work}/plugins", "/usr/lib/cni"])
        assert refusal.startswith(reason), refusal
    assert network.nothing_left()


# --- linux.netDevices


@pytest.fixture
def runtime(network):
    with Runtime(network.guest) as made:
        made.config["linux"]["resources"] = {}
        yield made
    network.guest.run("for i in dummy7 dummy8 nbridge; do ip link del $i; done; ip netns del box")


def test_net_devices_move_with_their_addresses(network, runtime):
    guest = network.guest
    devices = (
        "ip link add dummy7 type dummy && ip addr add 198.51.100.7/24 dev dummy7 && "
        "ip addr add 2001:db8::7/64 dev dummy7 nodad && ip link set dummy7 up")
    guest.run(f"{devices} && ip link add dummy8 type dummy && ip link add nbridge type bridge && ip netns add box",
              check=True)
    show = ["busybox", "ip", "addr"]

    def arrived(text):
        return all(word in text for word in ("eth7", ",UP", "198.51.100.7/24", "2001:db8::7/64"))

    # Two of one name, and one that the kernel does not move (a bridge): all stay, or come back.
    for wrong, reason in (
        ({"dummy7": {"name": "a"}, "dummy8": {"name": "a"}}, b"has an interface a already"),
        ({"dummy7": {"name": "eth7"}, "nbridge": {}}, b"linux.netDevices.nbridge: the interface nbridge cannot be moved"),
        ({"lo": {}}, b"lo cannot be moved"),
    ):
        runtime.config["linux"]["netDevices"] = wrong
        refused = runtime.run(*show)
        assert refused.returncode == 1 and reason in refused.stderr, refused
        here = guest.run(["ip", "addr", "show", "dummy7"], check=True).text
        assert arrived(here.replace("dummy7", "eth7")), here
    runtime.config["linux"]["netDevices"] = {"dummy7": {"name": "eth7"}, "dummy8": {"name": "net%d"}}
    inside = runtime.run(*show)
    assert inside.returncode == 0 and arrived(inside.text) and "net0" in inside.text, inside
    # The namespace is gone, and with it what the kernel does not bring back.
    assert guest.run("ip link show dummy7").returncode != 0
    # Into a namespace given by path they go as well, and stay there.
    guest.run(devices, check=True)
    runtime.config["linux"]["netDevices"] = {"dummy7": {"name": "eth7"}}
    for entry in runtime.config["linux"]["namespaces"]:
        if entry["type"] == "network":
            entry["path"] = "/run/netns/box"
    assert runtime.run("true").returncode == 0
    assert arrived(guest.run("ip -n box addr show dev eth7", check=True).text)
    # Without a namespace of its own there is nowhere to go.
    runtime.config["linux"]["namespaces"] = [
        entry for entry in runtime.config["linux"]["namespaces"] if entry["type"] != "network"]
    refused = runtime.run("true")
    assert b"linux.netDevices needs a network namespace that is not the host's" in refused.stderr
    assert json.loads(runtime.must("features"))["linux"]["netDevices"] == {"enabled": True}
