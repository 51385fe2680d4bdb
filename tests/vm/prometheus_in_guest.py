"""Questions to a Prometheus that runs inside the guest, asked with the guest's curl."""

import contextlib
import json

PORT = 9090


@contextlib.contextmanager
def prometheus_server(scenario, configuration):
    """A Prometheus in the guest of the scenario with this prometheus.yml; gives its URL."""
    scenario.guest.write_file(f"{scenario.work}/prometheus.yml", configuration)
    process = scenario.guest.spawn(
        [
            "prometheus",
            f"--config.file={scenario.work}/prometheus.yml",
            f"--storage.tsdb.path={scenario.work}/prometheus",
            f"--web.listen-address=127.0.0.1:{PORT}",
        ]
    )
    url = f"http://127.0.0.1:{PORT}"
    ready = ["curl", "--silent", "--fail", f"{url}/-/ready"]
    try:
        scenario.until(
            lambda: scenario.guest.run(ready).returncode == 0 or not process.running,
            "Prometheus to be ready",
        )
        assert process.running, process.stderr.decode()
        yield url
    finally:
        process.kill()
        process.wait(30)


class Prometheus:
    """`base` is the server's URL as the guest sees it, for example http://127.0.0.1:9090."""

    def __init__(self, guest, base):
        self.guest = guest
        self.base = base.rstrip("/")

    def api(self, path, **parameters):
        command = ["curl", "--silent", "--show-error", "--get", f"{self.base}/api/v1/{path}"]
        for name, value in parameters.items():
            command += ["--data-urlencode", f"{name}={value}"]
        answer = json.loads(self.guest.run(command, check=True).stdout)
        assert answer["status"] == "success", (parameters, answer.get("error"))
        return answer["data"]

    def query(self, promql):
        """The samples of an instant query."""
        return self.api("query", query=promql)["result"]

    def value(self, promql):
        """The only value, None without one."""
        result = self.query(promql)
        assert len(result) <= 1, (promql, result)
        return float(result[0]["value"][1]) if result else None

    def without_data(self, expressions):
        """The places (Expression.where) whose expression returns nothing."""
        return [e.where for e in expressions if not self.query(e.promql)]
