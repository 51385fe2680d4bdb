"""A Prometheus that runs inside the guest and scrapes its agent; questions go through the guest's curl."""

import contextlib
import json
import sys
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "dashboards"))
import expressions  # noqa: E402

PORT = 9090


def configuration(agent_port, seconds=1):
    """A scrape every so many seconds, with all rules of dashboards/."""
    return f"""\
global: {{scrape_interval: {seconds}s, evaluation_interval: {seconds}s}}
rule_files: {json.dumps([str(path) for path in expressions.rule_files()])}
scrape_configs:
  - job_name: cgwarden
    static_configs: [{{targets: ["127.0.0.1:{agent_port}"]}}]
"""


@contextlib.contextmanager
def running_prometheus(scenario, text):
    """Prometheus with that configuration, as long as it takes to be ready and until the block ends."""
    guest, work = scenario.guest, scenario.work
    guest.write_file(f"{work}/prometheus.yml", text)
    process = guest.spawn(
        [
            "prometheus",
            f"--config.file={work}/prometheus.yml",
            f"--storage.tsdb.path={work}/prometheus",
            f"--web.listen-address=127.0.0.1:{PORT}",
        ]
    )
    url = f"http://127.0.0.1:{PORT}"
    ready = ["curl", "--silent", "--fail", f"{url}/-/ready"]
    try:
        scenario.until(
            lambda: guest.run(ready).returncode == 0 or not process.running,
            "Prometheus to be ready",
        )
        assert process.running, process.stderr.decode()
        yield Prometheus(guest, url)
    finally:
        process.kill()
        process.wait(30)


class Prometheus:
    """`base` is the server's URL as the guest sees it, for example http://127.0.0.1:9090."""

    QUESTIONS = "/run/prometheus-questions"  # a file in the guest

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

    def api_many(self, path, questions):
        """The answers to many questions (dicts of parameters), by one process: each costs in emulation."""
        if not questions:
            return []
        urls = [f"{self.base}/api/v1/{path}?{urllib.parse.urlencode(asked)}" for asked in questions]
        self.guest.write_file(self.QUESTIONS, "".join(f'url = "{url}"\n' for url in urls))
        command = ["curl", "--silent", "--show-error", "--config", self.QUESTIONS]
        text = self.guest.run(command, check=True, timeout=600).text
        decoder, answers = json.JSONDecoder(), []
        while text:
            answer, end = decoder.raw_decode(text)
            assert answer["status"] == "success", (questions[len(answers)], answer.get("error"))
            answers.append(answer["data"])
            text = text[end:].lstrip()
        assert len(answers) == len(questions)
        return answers

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
        texts = sorted({e.promql for e in expressions})
        answers = self.api_many("query", [{"query": text} for text in texts])
        empty = {text for text, answer in zip(texts, answers) if not answer["result"]}
        return [e.where for e in expressions if e.promql in empty]
