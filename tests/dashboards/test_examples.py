"""The examples parse, agree with each other and with the product, and Prometheus' own tools accept them."""

import pathlib
import re

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
PORT = 9753
JOB = "cgwarden"
LABEL = {"app.kubernetes.io/name": JOB}


def documents(name):
    return list(yaml.safe_load_all((EXAMPLES / name).read_text()))


def kind_of(name, kind):
    found = [document for document in documents(name) if document["kind"] == kind]
    assert len(found) == 1
    return found[0]


def yaml_files():
    return sorted(p for ending in ("yaml", "yml") for p in EXAMPLES.rglob(f"*.{ending}"))


def test_every_file_is_yaml():
    files = yaml_files()
    assert len(files) >= 14
    for path in files:
        assert all(isinstance(document, dict) for document in yaml.safe_load_all(path.read_text())), path


def test_the_port_is_the_products():
    default = re.search(r'listen = \{"127\.0\.0\.1:(\d+)"\}', (ROOT / "agent/options.h").read_text())
    assert int(default[1]) == PORT


@pytest.mark.parametrize(
    "name", ["prometheus/prometheus.yml", "prometheus/prometheus-tls.yml", "compose/prometheus.yml"]
)
def test_a_scrape_configuration(name, promtool, tmp_path):
    config = documents(name)[0]
    (job,) = config["scrape_configs"]
    assert job["job_name"] == JOB
    assert "metrics_path" not in job  # the default is the product's
    for target in job["static_configs"][0]["targets"]:
        assert target.endswith(f":{PORT}")
    # The files that it names lie elsewhere here.
    text = (EXAMPLES / name).read_text()
    rules = [f"/etc/prometheus/cgwarden/{file}" for file in ("alerts.yml", "rules.yml")]
    assert config["rule_files"] == rules
    for rule in rules:
        text = text.replace(rule, str(ROOT / "dashboards" / pathlib.Path(rule).name))
    for file in ("ca.crt", "password"):
        (tmp_path / file).write_text("x\n")
        text = text.replace(f"/etc/prometheus/cgwarden/{file}", str(tmp_path / file))
    assert "/etc/prometheus" not in text
    (tmp_path / "prometheus.yml").write_text(text)
    checked = promtool.run("check", "config", tmp_path / "prometheus.yml")
    assert checked.returncode == 0, checked.stderr.decode() + checked.stdout.decode()


def test_the_password_goes_with_the_user():
    (job,) = documents("prometheus/prometheus-tls.yml")[0]["scrape_configs"]
    assert job["scheme"] == "https"
    web = documents("prometheus/web.yml")[0]
    assert job["basic_auth"]["username"] in web["basic_auth_users"]
    assert documents("prometheus/agent-tls.yaml")[0]["web"]["config"] == "web.yml"


def test_the_daemonset_watches_the_host():
    daemonset = kind_of("kubernetes/daemonset.yaml", "DaemonSet")
    template = daemonset["spec"]["template"]
    assert daemonset["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"] == LABEL
    pod = template["spec"]
    assert pod["hostPID"] is True
    (container,) = pod["containers"]
    assert {"name": "metrics", "containerPort": PORT} in container["ports"]
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert {mount["name"] for mount in mounts.values()} == volumes.keys()
    root = container["args"][container["args"].index("--cgroup-root") + 1]
    assert volumes[mounts[root]["name"]]["hostPath"]["path"] == "/sys/fs/cgroup"
    assert mounts[root]["readOnly"] and mounts["/var/log"]["readOnly"]
    # The configuration: the file that the generator puts into the map, at the path of the option.
    kustomization = documents("kubernetes/kustomization.yaml")[0]
    (generated,) = kustomization["configMapGenerator"]
    assert volumes["config"]["configMap"]["name"] == generated["name"]
    file = container["args"][container["args"].index("--config") + 1]
    assert file == f"{mounts['/etc/cgwarden']['mountPath']}/{generated['files'][0]}"
    assert documents("kubernetes/agent.yaml")[0]["listen"] == f":{PORT}"
    for name in kustomization["resources"] + generated["files"]:
        assert (EXAMPLES / "kubernetes" / name).exists()


def test_probes_ask_for_what_there_is():
    source = (ROOT / "exporters/http_reply.cpp").read_text()
    (container,) = kind_of("kubernetes/daemonset.yaml", "DaemonSet")["spec"]["template"]["spec"]["containers"]
    for probe in ("livenessProbe", "readinessProbe"):
        asked = container[probe]["httpGet"]
        assert f'"{asked["path"]}"' in source
        assert asked["port"] == "metrics"


@pytest.mark.parametrize(
    ("name", "kind", "endpoints"),
    [
        ("kubernetes/podmonitor.yaml", "PodMonitor", "podMetricsEndpoints"),
        ("kubernetes/servicemonitor.yaml", "ServiceMonitor", "endpoints"),
    ],
)
def test_a_monitor_finds_the_pods_and_names_the_job(name, kind, endpoints):
    spec = kind_of(name, kind)["spec"]
    assert spec["selector"]["matchLabels"] == LABEL
    # Its value is the job's name.
    assert LABEL[spec["jobLabel"]] == JOB
    (endpoint,) = spec[endpoints]
    assert (endpoint["port"], endpoint["path"]) == ("metrics", "/metrics")


def test_the_service_is_of_the_pods():
    service = kind_of("kubernetes/servicemonitor.yaml", "Service")
    assert service["metadata"]["labels"] == service["spec"]["selector"] == LABEL
    assert service["spec"]["ports"] == [{"name": "metrics", "port": PORT, "targetPort": "metrics"}]


def test_every_option_is_the_agents():
    page = (ROOT / "docs/man/cgwarden-agent.8.scd").read_text()
    (container,) = kind_of("kubernetes/daemonset.yaml", "DaemonSet")["spec"]["template"]["spec"]["containers"]
    words = container["args"] + documents("compose/compose.yaml")[0]["services"]["cgwarden"]["command"]
    options = [word for word in words if word.startswith("--")]
    assert len(options) >= 6
    for option in options:
        assert f"*{option}*" in page


def test_compose_mounts_what_is_there():
    services = documents("compose/compose.yaml")[0]["services"]
    for service in services.values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (EXAMPLES / "compose" / source).exists(), source
    prometheus = documents("compose/prometheus.yml")[0]
    mounted = [volume.split(":")[1] for volume in services["prometheus"]["volumes"]]
    assert set(prometheus["rule_files"]) <= set(mounted)
    (provider,) = documents("grafana/provisioning/dashboards/cgwarden.yaml")[0]["providers"]
    assert f"../../dashboards:{provider['options']['path']}:ro" in services["grafana"]["volumes"]
    # Grafana takes every JSON file below that directory for a dashboard.
    found = {path.parent for path in (ROOT / "dashboards").rglob("*.json")}
    assert found == {ROOT / "dashboards"}
    (datasource,) = documents("grafana/provisioning/datasources/prometheus.yaml")[0]["datasources"]
    assert datasource["url"] == "http://prometheus:9090"
    assert "prometheus" in services


def test_no_image_is_claimed():
    """Nothing builds one; a name under example.org cannot be mistaken for a published one."""
    for name in ("kubernetes/daemonset.yaml", "compose/compose.yaml"):
        images = re.findall(r"image: (\S*cgwarden\S*)", (EXAMPLES / name).read_text())
        assert images and all(image.startswith("registry.example.org/") for image in images)
