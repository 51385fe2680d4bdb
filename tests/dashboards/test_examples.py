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
    assert len(files) >= 16
    for path in files:
        assert all(isinstance(document, dict) for document in yaml.safe_load_all(path.read_text())), path


def test_the_port_is_the_products():
    default = re.search(r'listen = \{"127\.0\.0\.1:(\d+)"\}', (ROOT / "agent/options.h").read_text())
    assert int(default[1]) == PORT


@pytest.mark.parametrize(
    "name", ["prometheus/prometheus.yml", "prometheus/prometheus-tls.yml", "compose/prometheus.yml"]
)
def test_a_scrape_configuration(name, promtool, tmp_path):
    (job,) = documents(name)[0]["scrape_configs"]
    assert job["job_name"] == JOB
    assert "metrics_path" not in job  # the default is the product's
    for target in job["static_configs"][0]["targets"]:
        assert target.endswith(f":{PORT}")
    accepted(promtool, (EXAMPLES / name).read_text(), tmp_path)


def accepted(promtool, text, tmp_path):
    config = yaml.safe_load(text)
    # The files that it names lie elsewhere here.
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


def test_prometheus_takes_the_configuration_of_a_cluster(promtool, tmp_path):
    config = documents("prometheus/prometheus-kubernetes.yml")[0]
    for job in config["scrape_configs"]:
        # Debian's promtool is built without this discovery.
        (found,) = job.pop("kubernetes_sd_configs")
        (selector,) = found["selectors"]
        assert dict([selector["label"].split("=")]) == LABEL
        assert found["namespaces"]["names"] == [documents("kubernetes/namespace.yaml")[0]["metadata"]["name"]]
        assert found["role"] == selector["role"] == "pod"
    accepted(promtool, yaml.safe_dump(config), tmp_path)


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
    for mount in mounts.values():
        path = volumes[mount["name"]].get("hostPath", {}).get("path")
        # One and the same path, or the agent looks in vain.
        assert path is None or mount["mountPath"] in (path, f"/host{path}")
    # The configuration: the file that the generator puts into the map, at the path of the option.
    kustomization = documents("kubernetes/kustomization.yaml")[0]
    (generated,) = kustomization["configMapGenerator"]
    assert volumes["config"]["configMap"]["name"] == generated["name"]
    file = container["args"][container["args"].index("--config") + 1]
    assert file == f"{mounts['/etc/cgwarden']['mountPath']}/{generated['files'][0]}"
    assert documents("kubernetes/agent.yaml")[0]["listen"] == f":{PORT}"
    for name in kustomization["resources"] + generated["files"]:
        assert (EXAMPLES / "kubernetes" / name).exists()


def states_of_runtimes():
    """The directories of container runtimes that the agent reads names and images in."""
    source = (ROOT / "identity/host_names.cpp").read_text()
    tasks = re.search(r'state \+ "(/[^"]+)"', source)[1]
    containerd = re.findall(r'"([^"]+)"', re.search(r"kContainerdStates\{(.*?)\}", source, re.DOTALL)[1])
    assert len(containerd) == 4
    files = (ROOT / "identity/host_files.cpp").read_text()
    docker = re.search(r'return "(/var/lib/docker)";', files)[1] + "/containers"
    storage = re.search(r'Storage storage\{"(/[^"]+)"', files)[1] + "/overlay-containers"
    return [state + tasks for state in containerd], docker, storage


def test_the_daemonset_sees_what_the_runtimes_leave():
    pod = kind_of("kubernetes/daemonset.yaml", "DaemonSet")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    containerd, docker, storage = states_of_runtimes()
    text = (EXAMPLES / "kubernetes/daemonset.yaml").read_text()
    for path in [*containerd, docker, storage]:
        if path not in mounts:
            assert path.removesuffix("/io.containerd.runtime.v2.task") in text, path
            continue
        assert mounts[path]["readOnly"]
        assert mounts[path]["mountPropagation"] == "HostToContainer", "ended containers' file systems would be kept"
    assert {containerd[0], containerd[1], docker, storage} <= mounts.keys()


def remedies():
    """Source of events -> what docs/event-sources.md wants for it."""
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", (ROOT / "docs/event-sources.md").read_text(), re.MULTILINE)
    assert len(rows) == 16
    return dict(rows)


def test_the_agents_of_the_examples_hear_the_kernel():
    """Or deaths other than OOM kills are UNKNOWN, and EventSourceNotWorking fires on every node."""
    wanted = remedies()
    assert "CAP_NET_ADMIN, the host's network and pid namespace" in wanted["process_ends"]
    assert "CAP_SYSLOG, the device in the container" in wanted["kernel_log"]
    pod = kind_of("kubernetes/daemonset.yaml", "DaemonSet")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["hostNetwork"] is True and pod["hostPID"] is True
    # The device cgroup of a pod has no other way to /dev/kmsg.
    assert container["securityContext"]["privileged"] is True
    assert {"/dev/kmsg", "/sys/kernel/tracing"} <= {mount["mountPath"] for mount in container["volumeMounts"]}
    agent = documents("compose/compose.yaml")[0]["services"]["cgwarden"]
    assert (agent["network_mode"], agent["pid"], agent["cgroup"]) == ("host", "host", "host")
    assert {"NET_ADMIN", "SYS_ADMIN", "SYSLOG", "SYS_PTRACE"} <= set(agent["cap_add"])
    assert agent["devices"] == ["/dev/kmsg:/dev/kmsg:r"]
    assert "apparmor=unconfined" in agent["security_opt"]
    docker = states_of_runtimes()[1]
    assert f"{docker}:{docker}:ro,rslave" in agent["volumes"]


def test_probes_ask_for_what_there_is():
    source = (ROOT / "exporters/http_reply.cpp").read_text()
    (container,) = kind_of("kubernetes/daemonset.yaml", "DaemonSet")["spec"]["template"]["spec"]["containers"]
    for probe in ("livenessProbe", "readinessProbe"):
        asked = container[probe]["httpGet"]
        assert f'"{asked["path"]}"' in source
        assert asked["port"] == "metrics"


MONITORS = [
    ("kubernetes/podmonitor.yaml", "PodMonitor", "podMetricsEndpoints"),
    ("kubernetes/servicemonitor.yaml", "ServiceMonitor", "endpoints"),
    ("kubernetes/podmonitor-cadvisor.yaml", "PodMonitor", "podMetricsEndpoints"),
]


@pytest.mark.parametrize(("name", "kind", "endpoints"), MONITORS)
def test_a_monitor_finds_the_pods_and_names_the_job(name, kind, endpoints):
    spec = kind_of(name, kind)["spec"]
    assert spec["selector"]["matchLabels"] == LABEL
    (endpoint,) = spec[endpoints]
    assert endpoint["port"] == "metrics"
    if "cadvisor" in name:
        assert endpoint["path"] == "/metrics/cadvisor"
    else:
        assert endpoint["path"] == "/metrics"
        # Its value is the job's name.
        assert LABEL[spec["jobLabel"]] == JOB


def relabeled(labels, rules):
    """What Prometheus makes of `labels`; None: dropped. Of relabel_config, what the examples use."""
    labels = dict(labels)
    for rule in rules:
        pattern = re.compile(rule.get("regex", ".*"), re.DOTALL)
        value = ";".join(labels.get(name, "") for name in rule.get("sourceLabels", []))
        match rule.get("action", "replace"):
            case "replace":
                if pattern.fullmatch(value):
                    labels[rule["targetLabel"]] = rule.get("replacement", value)
            case "labeldrop":
                labels = {name: text for name, text in labels.items() if not pattern.fullmatch(name)}
            case "drop":
                if pattern.fullmatch(value):
                    return None
            case "keep":
                if not pattern.fullmatch(value):
                    return None
            case other:
                raise AssertionError(other)
    return labels


def scraped(series, target, endpoint):
    """The labels of a series in Prometheus: honor_labels decides who wins."""
    found = dict(target)
    for name, text in series.items():
        if not endpoint.get("honorLabels") and name in found:
            name = f"exported_{name}"
        found[name] = text
    return relabeled(found, endpoint.get("metricRelabelings", []))


def series(kind, job, endpoint):
    # What the operator gives every target before the monitor's own rules.
    target = {"job": job, "instance": "10.0.0.7:9753", "namespace": "cgwarden", "pod": "cgwarden-x7k", "container": "cgwarden",
              "endpoint": "metrics", "__meta_kubernetes_pod_node_name": "node-1", "__metrics_path__": endpoint["path"]}  # fmt: skip
    if kind == "ServiceMonitor":
        target["service"] = "cgwarden"
    target = relabeled(target, endpoint["relabelings"])
    target = {name: text for name, text in target.items() if not name.startswith("__")}
    return lambda name, **labels: scraped({"__name__": name, **labels}, target, endpoint)


@pytest.mark.parametrize(("name", "kind", "endpoints"), MONITORS)
def test_a_series_has_the_pod_that_it_is_about(name, kind, endpoints):
    (endpoint,) = kind_of(name, kind)["spec"][endpoints]
    made = series(kind, JOB, endpoint)
    nginx = {"namespace": "shop", "pod": "web-1", "container": "nginx"}
    in_pod = made("cgwarden_container_restarts_total", **nginx)
    assert in_pod.items() >= nginx.items()
    assert not any(label.startswith("exported_") for label in in_pod)
    assert in_pod["instance"] == "node-1"
    # What is in no pod is not in the agent's.
    for labels in ({"container": "db", "runtime": "docker"}, {"cgroup": "/system.slice"}, {"id": "/system.slice"}):
        found = made("x", **labels)
        assert found.items() >= labels.items()
        assert not {"namespace", "pod"} & found.keys()
        assert found.get("container") == labels.get("container")


@pytest.mark.parametrize(("name", "kind", "endpoints"), MONITORS[:2])
def test_sources_that_are_off_on_purpose_do_not_alarm(name, kind, endpoints):
    (endpoint,) = kind_of(name, kind)["spec"][endpoints]
    made = series(kind, JOB, endpoint)
    (container,) = kind_of("kubernetes/daemonset.yaml", "DaemonSet")["spec"]["template"]["spec"]["containers"]
    assert container["args"][container["args"].index("--bus") + 1] == "off"
    metric = "cgwarden_agent_event_source_working"
    off = {source for source in remedies() if made(metric, source=source) is None}
    # Those of the bus, and the journal of a service; of none of them is there a series in place of it.
    assert off == {"units", "oomd", "bus", "journal"}
    assert made("cgwarden_agent_events_total", source="bus") is not None
    in_compose = documents("compose/prometheus.yml")[0]["scrape_configs"][0]["metric_relabel_configs"]
    in_cluster = documents("prometheus/prometheus-kubernetes.yml")[0]["scrape_configs"][0]["metric_relabel_configs"]
    (rule,) = endpoint["metricRelabelings"]
    assert in_compose == in_cluster == [{"source_labels" if key == "sourceLabels" else key: v for key, v in rule.items()}]


def test_cadvisors_page_has_the_labels_of_kubelets():
    """Those that kubernetes-mixin and kube-prometheus select on and group by."""
    (endpoint,) = kind_of("kubernetes/podmonitor-cadvisor.yaml", "PodMonitor")["spec"]["podMetricsEndpoints"]
    found = series("PodMonitor", "cgwarden/cgwarden-cadvisor", endpoint)("container_cpu_usage_seconds_total", id="/")
    assert (found["job"], found["metrics_path"], found["node"]) == ("kubelet", "/metrics/cadvisor", "node-1")
    assert f'"{endpoint["path"]}"' in (ROOT / "exporters/http_reply.cpp").read_text()
    # The same without the operator.
    job = documents("prometheus/prometheus-kubernetes.yml")[0]["scrape_configs"][1]
    assert job["metrics_path"] == endpoint["path"]
    rules = [
        {"sourceLabels" if key == "source_labels" else "targetLabel" if key == "target_label" else key: v for key, v in rule.items()}
        for rule in job["relabel_configs"]
    ]
    discovered = {"job": job["job_name"], "__metrics_path__": job["metrics_path"], "__meta_kubernetes_pod_node_name": "node-1"}
    port = "__meta_kubernetes_pod_container_port_name"
    target = relabeled({**discovered, port: "metrics"}, rules)
    assert (target["job"], target["metrics_path"], target["node"]) == ("kubelet", "/metrics/cadvisor", "node-1")
    assert relabeled({**discovered, port: "other"}, rules) is None


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
    # All on the host's network, and nothing on another address than this machine's own.
    assert {service["network_mode"] for service in services.values()} == {"host"}
    assert datasource["url"] == "http://127.0.0.1:9090"
    assert "--web.listen-address=127.0.0.1:9090" in services["prometheus"]["command"]
    assert services["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    agent = services["cgwarden"]["command"]
    assert agent[agent.index("--listen") + 1] == f"127.0.0.1:{PORT}"
    (job,) = prometheus["scrape_configs"]
    assert job["static_configs"][0]["targets"] == [f"127.0.0.1:{PORT}"]


def test_no_image_is_claimed():
    """Nothing builds one; a name under example.org cannot be mistaken for a published one."""
    for name in ("kubernetes/daemonset.yaml", "compose/compose.yaml"):
        images = re.findall(r"image: (\S*cgwarden\S*)", (EXAMPLES / name).read_text())
        assert images and all(image.startswith("registry.example.org/") for image in images)
