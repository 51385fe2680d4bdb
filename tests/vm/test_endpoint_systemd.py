"""cgwarden.socket and cgwarden.service as they are packaged: systemd holds the endpoint's socket."""

import shlex

import pytest
from agent_scenario import PORT, ROOT, Scenario

pytestmark = pytest.mark.systemd

UNITS = "/run/systemd/system"


@pytest.fixture
def scenario(guest):
    with Scenario(guest) as made:
        yield made
        guest.run(
            f"systemctl stop cgwarden.socket cgwarden.service; rm -rf {UNITS}/cgwarden.* /run/cgwarden; systemctl daemon-reload; "
            "systemctl reset-failed cgwarden.socket cgwarden.service 2>/dev/null; true",
            timeout=180,
        )


def test_no_scrape_is_refused_while_the_agent_restarts(scenario):
    guest = scenario.guest
    packaged = ROOT / "packaging" / "systemd"
    service = (packaged / "cgwarden.service.in").read_text()
    command = " ".join(shlex.quote(str(word)) for word in scenario.agent_command(listen=None))
    start = "ExecStart=@CMAKE_INSTALL_FULL_BINDIR@/cgwarden agent\n"
    assert start in service
    service = service.replace(start, f"ExecStart={command}\n").replace("@CMAKE_INSTALL_FULL_BINDIR@", "/usr/bin")
    guest.write_file(f"{UNITS}/cgwarden.service", service)
    guest.write_file(f"{UNITS}/cgwarden.socket", (packaged / "cgwarden.socket").read_text())
    guest.run("systemctl daemon-reload && systemctl start cgwarden.socket", check=True)
    assert guest.run(["systemctl", "is-active", "cgwarden.service"]).text.strip() == "inactive"

    # The first scrape starts the agent.
    url = f"http://127.0.0.1:{PORT}/healthz"
    fetch = f"curl --silent --fail --max-time 60 {url}"
    assert guest.run(fetch, check=True, timeout=90).text == "ok\n"
    active = ["systemctl", "is-active", "--quiet", "cgwarden.service"]
    scenario.until(lambda: guest.run(active).returncode == 0, "the service to be ready")

    # They wait while it restarts, and none is refused (curl's exit status 7). One that is being answered may be cut off.
    scrapes = guest.spawn(
        f"for i in 1 2 3 4 5 6 7 8 9 10 11 12; do {fetch} || [ $? != 7 ] || exit 1; sleep 0.3; done"
    )
    for _ in range(2):
        restarted = guest.run(["systemctl", "restart", "cgwarden.service"], timeout=90)
        assert restarted.returncode == 0, guest.run(["journalctl", "-u", "cgwarden.service"]).text
    done = scrapes.wait(120)
    assert done.returncode == 0
    assert done.stdout.decode().count("ok\n") >= 10
