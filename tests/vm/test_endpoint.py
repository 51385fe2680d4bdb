"""The endpoint as operators set it up: agent.yaml, a web configuration file, Prometheus over TLS, systemd's socket."""

import json
import shutil
import subprocess

import pytest
from agent_scenario import PORT, Scenario
from prometheus_in_guest import running_prometheus

pytestmark = pytest.mark.fast

# bcrypt of "secret" and of "other", of the least cost.
SECRET = "$2y$04$1GUn0lYuBYRvPqSIYsnyFO46pFtF/WGTxiLn.NL906nE14c2Bqo8a"
OTHER = "$2y$04$1GUn0lYuBYRvPqSIYsnyFOWFJOai58aRIiNF9RO/dSFUIPGRd90v6"
URL = f"https://localhost:{PORT}"


def certificates(directory):
    """A CA (ca.crt) and two certificates for localhost by it, made by the host's openssl."""
    assert shutil.which("openssl"), "the openssl program is needed"

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-days", "3650", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.crt")
    (directory / "ext").write_text("subjectAltName=DNS:localhost\n")
    for name in ("first", "second"):
        openssl("req", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "3650", "-extfile", "ext", "-out", f"{name}.crt",
        )


@pytest.fixture
def scenario(guest):
    with Scenario(guest) as made:
        yield made


@pytest.fixture
def secured(scenario, tmp_path):
    """An agent that agent.yaml made listen with TLS and a password, and on a unix socket."""
    certificates(tmp_path)
    guest, work = scenario.guest, scenario.work
    for name in ("ca.crt", "first.crt", "first.key", "second.crt", "second.key"):
        guest.write_file(f"{work}/{name}", (tmp_path / name).read_bytes(), 0o600)
    use(scenario, "first")
    write_web_config(scenario, SECRET)
    guest.write_file(
        f"{work}/agent.yaml",
        "apiVersion: cgwarden/v1\nkind: Agent\n"
        f'listen: ["127.0.0.1:{PORT}", "unix:{work}/metrics.sock"]\n'
        "intervals: {tick: 500ms}\n"
        "discovery: {exclude: [/hidden/**]}\n"
        "web: {config: web.yml}\n",
    )
    scenario.start_agent("--config", f"{work}/agent.yaml", listen=None)
    return scenario


def use(scenario, name):
    """As a renewal does: new files take the place of the old ones."""
    work = scenario.work
    scenario.guest.run(
        f"cd {work} && for e in key crt; do cp {name}.$e new.$e && mv new.$e server.$e; done", check=True
    )


def write_web_config(scenario, password_hash):
    scenario.guest.write_file(
        f"{scenario.work}/web.yml",
        "tls_server_config: {cert_file: server.crt, key_file: server.key, min_version: TLS12}\n"
        f"basic_auth_users:\n  prometheus: {password_hash}\n",
    )


def curl(scenario, *words, url=f"{URL}/metrics"):
    """The status, and what the server's certificate is for."""
    answer = scenario.guest.run(
        ["curl", "--silent", "--verbose", "--output", "/dev/null", "--write-out", "%{http_code}",
         "--cacert", f"{scenario.work}/ca.crt", *words, url]
    )
    subject = [line for line in answer.stderr.decode().splitlines() if "subject:" in line]
    return answer.text, subject[0].rpartition("CN=")[2] if subject else None


def test_a_scrape_needs_the_ca_and_the_password(secured):
    guest, work = secured.guest, secured.work
    assert guest.run(["promtool", "check", "web-config", f"{work}/web.yml"]).returncode == 0
    assert curl(secured, "--user", "prometheus:secret") == ("200", "first")
    assert curl(secured, "--user", "prometheus:wrong") == ("401", "first")
    assert curl(secured)[0] == "401"
    plain = ["curl", "--silent", "--output", "/dev/null", f"http://localhost:{PORT}/metrics"]
    assert guest.run(plain).returncode != 0
    # The same on the unix socket.
    assert curl(secured, "--unix-socket", f"{work}/metrics.sock")[0] == "401"
    assert curl(secured, "--unix-socket", f"{work}/metrics.sock", "--user", "prometheus:secret")[0] == "200"

    # Prometheus itself, with the same file format on its own side.
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{
            "job_name": "cgwarden",
            "scheme": "https",
            "static_configs": [{"targets": [f"localhost:{PORT}"]}],
            "basic_auth": {"username": "prometheus", "password": "secret"},
            "tls_config": {"ca_file": f"{work}/ca.crt"},
        }],
    }
    with running_prometheus(secured, json.dumps(config)) as prometheus:
        secured.until(lambda: prometheus.value("up") == 1, "a scrape over TLS")
        # Each costs a bcrypt, which a busy machine may not have done within the second of a scrape.
        secured.until(lambda: (prometheus.value("sum_over_time(up[1m])") or 0) >= 5, "five scrapes")

    # Both are renewed without a restart.
    use(secured, "second")
    write_web_config(secured, OTHER)
    secured.until(lambda: curl(secured, "--user", "prometheus:other") == ("200", "second"), "the new files")
    assert curl(secured, "--user", "prometheus:secret")[0] == "401"
    # A file that is bad changes nothing, and is said once.
    guest.write_file(f"{work}/web.yml", "basic_auth_users: {prometheus: secret}\n")
    secured.until(lambda: "web_config_refused" in secured.log(), "the refusal")
    assert f"{work}/web.yml:1:32" in secured.log() and "not a bcrypt hash" in secured.log()
    assert curl(secured, "--user", "prometheus:other") == ("200", "second")


def test_agent_yaml_says_what_is_sampled(scenario):
    guest, work = scenario.guest, scenario.work
    root = "/sys/fs/cgroup"
    guest.run(f"mkdir -p {root}/hidden/below {root}/shown/below {root}/policied", check=True)
    try:
        guest.write_file(
            f"{work}/agent.yaml",
            "apiVersion: cgwarden/v1\nkind: Agent\ndiscovery: {exclude: [/hidden/**, /policied], maxDepth: 1}\n",
        )
        guest.write_file(
            f"{work}/policies/p.yaml",
            "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: p}\n"
            "match: {cgroups: [/policied]}\ncpu: {weight: 77}\n",
        )
        guest.run(f"echo +cpu > {root}/cgroup.subtree_control", check=True)
        scenario.start_agent("--config", f"{work}/agent.yaml")
        seen = {key for key in scenario.metrics() if key.startswith("cgwarden_cgroup_info{")}
        assert any('cgroup="/hidden"' in key for key in seen)
        assert any('cgroup="/shown"' in key for key in seen)
        assert not any('cgroup="/hidden/below"' in key for key in seen)
        assert not any('cgroup="/shown/below"' in key for key in seen)
        # Left out, but a policy is about it.
        assert any('cgroup="/policied"' in key for key in seen)
        assert guest.read_file(f"{root}/policied/cpu.weight") == b"77\n"
    finally:
        guest.run(f"rmdir {root}/hidden/below {root}/hidden {root}/shown/below {root}/shown {root}/policied")


def test_the_socket_of_systemd_takes_the_place_of_the_addresses(scenario):
    guest = scenario.guest
    other = PORT + 1
    agent = scenario.agent_command()
    scenario.agent = guest.spawn(["systemd-socket-activate", f"--listen=127.0.0.1:{other}", *agent])
    page = ["curl", "--silent", "--fail", "--max-time", "30", f"http://127.0.0.1:{other}/healthz"]
    # The first connection starts the agent, and is answered by it.
    scenario.until(lambda: guest.run(page).text == "ok\n", "the agent behind the socket")
    scenario.until(lambda: 'listen="socket 3 of systemd"' in scenario.log(), "its log")
    assert guest.run(["curl", "--silent", f"http://127.0.0.1:{PORT}/healthz"]).returncode != 0
    # A workload must not find it: neither the descriptor nor the variables.
    scenario.add_workload("looker", ["/bin/sh", "-c", "echo fds:$LISTEN_FDS: $(ls /proc/self/fd); sleep 1000"])
    guest.run(["kill", "-HUP", guest.run(["pgrep", "-f", "cgwarden agent"]).text.split()[-1]])
    scenario.wait_running("looker")
    output = scenario.until(lambda: scenario.cli("logs", "looker").text, "its output")
    assert output.startswith("fds::")


def test_it_watches_from_a_container(scenario):
    """As examples/kubernetes/daemonset.yaml runs it: the host's tree read-only at another place, and few capabilities."""
    guest, work = scenario.guest, scenario.work
    tree = f"{work}/host"
    agent = scenario.agent_command("--cgroup-root", tree)
    caps = "-all,+dac_read_search,+sys_admin,+syslog"
    prepare = (
        f"mkdir {tree} && mount --bind /sys/fs/cgroup {tree} && mount -o remount,bind,ro {tree} && "
        f'exec setpriv --no-new-privs --inh-caps -all --bounding-set {caps} "$@"'
    )
    scenario.agent = guest.spawn(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", prepare, "sh", *agent]
    )
    scenario.until(lambda: b"agent_started" in scenario.agent.stderr or not scenario.agent.running, "the agent")
    assert scenario.agent.running, scenario.log()
    assert any(key.startswith("cgwarden_cgroup_cpu_usage_seconds_total{") for key in scenario.metrics())
