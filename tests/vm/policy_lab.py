"""Cgroups of nobody's with a policy each, for the tests of what an agent does to them."""

import contextlib

from agent_scenario import Scenario

ROOT = "/sys/fs/cgroup"
HEAD = "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: %s}\nmatch: {cgroups: %s}\n"


@contextlib.contextmanager
def agent_beside(guest, top):
    """An agent, and the cgroup `top` (a path below the root) with controllers for those that a test makes in it."""
    with Scenario(guest) as made:
        guest.run(f"echo '+cpu +memory +pids' > {ROOT}/cgroup.subtree_control && mkdir {ROOT}{top} && "
                  f"echo '+cpu +memory +pids' > {ROOT}{top}/cgroup.subtree_control", check=True)
        try:
            made.start_agent()
            yield made
        finally:
            guest.run(f"for c in {ROOT}{top}/*/cgroup.kill; do echo 1 > $c; done; "
                      "for i in 1 2 3 4 5 6 7 8 9 10; do "
                      f"find {ROOT}{top} -depth -type d -exec rmdir {{}} + && break; sleep 0.3; done")


class Lab:
    """A cgroup in `top`, named after the test, with a policy of its own in the agent's directory."""

    def __init__(self, scenario, top, request):
        self.scenario = scenario
        self.name = request.node.name.split("[")[0].removeprefix("test_").replace("_", "-")[:40]
        self.path = f"{top}/{self.name}"
        self.policy = f"{scenario.work}/policies/{self.name}.yaml"
        scenario.guest.run(f"mkdir {ROOT}{self.path}", check=True)

    def wants(self, lines):
        self.scenario.guest.write_file(self.policy, HEAD % (self.name, self.path) + lines)

    def wants_nothing(self):
        self.scenario.guest.run(["rm", self.policy], check=True)

    def read(self, file):
        return self.scenario.guest.read_file(f"{ROOT}{self.path}/{file}").decode().strip()

    def write(self, file, value):
        self.scenario.guest.write_file(f"{ROOT}{self.path}/{file}", value)

    def runs(self, command):
        return self.scenario.guest.spawn(command, cgroup=f"{ROOT}{self.path}")

    def becomes(self, file, value):
        self.scenario.until(lambda: self.read(file) == value, f"{self.path} {file} to be {value}", 300)

    def lines(self, event, *words):
        """Of the agent's log."""
        return [line for line in self.scenario.log().splitlines()
                if f" {event} " in line and f"cgroup={self.path} " in line and all(word in line for word in words)]

    def said(self, event, *words, timeout=300):
        """The lines of this event in the agent's log that have all the words, once there is one."""
        return self.scenario.until(lambda: self.lines(event, *words), f"{event} {words} of {self.path}", timeout)
