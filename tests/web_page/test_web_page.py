"""The web page in a real browser, served by the real endpoint (web_page_server)."""

import os
import pathlib
import subprocess
import urllib.error
import urllib.request

import pytest
from browser import Browser

BUILD = pathlib.Path(os.environ.get("CGWARDEN_BUILD_DIR", "build/release"))


@pytest.fixture(scope="module")
def address():
    server = subprocess.Popen(
        [BUILD / "tests/web_page/web_page_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    port = server.stdout.readline().strip()
    assert port, "the server did not start"
    yield f"http://127.0.0.1:{port}/"
    server.stdin.close()
    assert server.wait(20) == 0


@pytest.fixture(scope="module")
def browser():
    started = Browser()
    yield started
    started.close()


@pytest.fixture
def page(browser, address):
    opened = browser.open(address)
    opened.wait("document.querySelectorAll('#rows tr').length == 3")
    return opened


def cell(row, column):
    return (
        f"[...document.querySelectorAll('#rows tr')].find(row => row.cells[0].innerText.includes('{row}'))"
        f"?.cells[{column}].innerText"
    )


def test_rows_have_rates_limits_and_the_worst_first(page):
    page.wait(f"{cell('leaker', 3)} == '50 %'")
    assert page.value(cell("leaker", 2)) == "1.20 of 1.50"
    assert page.value(cell("leaker", 4)) == "64.0 MiB of 64.0 MiB"
    assert page.value(cell("quiet", 2)) == "0.020 of 1.50"
    assert page.value(cell("quiet", 4)) == "64.0 MiB"
    assert page.value("document.querySelector('#rows tr').cells[0].innerText") == "leaker"
    assert page.value("document.getElementById('node').innerText") == "node-1"


def test_names_of_others_are_text(page):
    assert page.value(cell("<img src=x", 1)) == "container"
    assert page.value("document.querySelector('img')") is None
    page.wait("document.getElementById('verdicts').innerText.includes('<b>bold</b>')")
    assert page.value("document.querySelector('#verdicts b, #timeline b')") is None


def test_sorting_and_filter(page):
    page.value("document.querySelector('[data-key=name] button').click()")
    names = "[...document.querySelectorAll('#rows tr')].map(row => row.cells[0].innerText)"
    assert page.value(names)[1:] == ["leaker", "quiet.service"]
    assert page.value("document.querySelector('[data-key=name]').ariaSort") == "ascending"
    page.value("document.querySelector('[data-key=name] button').click()")
    assert page.value(names)[:2] == ["quiet.service", "leaker"]
    page.value(
        "filter = document.getElementById('filter'), filter.value = 'QUIET',"
        "filter.dispatchEvent(new Event('input')), 0"
    )
    assert page.value(names) == ["quiet.service"]
    assert "1 of 3 match" in page.value("document.getElementById('rows-note').innerText")


def test_the_timeline_shows_deaths_and_stalls(page):
    page.wait("document.querySelectorAll('#timeline circle').length == 2")
    assert page.value("document.querySelectorAll('#timeline rect').length") == 1
    label = page.value("document.querySelector('#timeline .oom').closest('a').ariaLabel")
    assert "leaker: It is made up: leaker." in label


def test_a_row_opens_its_charts_and_the_answer_of_why(page):
    page.value("document.querySelector('#rows a').click()")
    page.wait("document.getElementById('why').innerText.includes('<i>last words</i>')")
    page.wait("document.querySelectorAll('#charts canvas').length == 2")
    assert "memory.max 64.0 MiB" in page.value("document.getElementById('detail-facts').innerText")
    # Ten minutes were recorded, and the page adds what it sees itself.
    page.wait("document.getElementById('charts').innerText.includes('throttled periods')")
    assert page.value("detail.charts[0].data[0].length") >= 600
    assert page.value("detail.charts[0].data[1].includes(null)"), "a gap is not bridged"
    page.value("dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
    page.wait("document.getElementById('detail').hidden")


def test_a_name_without_a_cgroup_and_without_a_verdict(browser, address):
    page = browser.open(address + "#why=nobody")
    page.wait("document.getElementById('why').innerText.includes('nothing is known of it')")
    assert "no cgroup now" in page.value("document.getElementById('detail-facts').innerText")


def test_nothing_is_loaded_from_elsewhere_and_nothing_complains(page, address):
    page.value("location.hash = 'cgroup=/cgwarden.slice/leaker.scope/payload'")
    page.wait("document.querySelectorAll('#charts canvas').length == 2")
    assert {url for url in page.requests() if not url.startswith((address, "data:"))} == set()
    assert page.complaints() == []


def test_an_agent_that_goes_away_is_said(browser):
    server = subprocess.Popen(
        [BUILD / "tests/web_page/web_page_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    page = browser.open(f"http://127.0.0.1:{server.stdout.readline().strip()}/")
    page.wait("document.querySelectorAll('#rows tr').length == 3")
    server.stdin.close()
    server.wait(20)
    page.wait("document.getElementById('state').className == 'bad'")
    assert "does not answer" in page.value("document.getElementById('state').innerText")


def test_a_foreign_name_in_the_address_is_refused(address):
    request = urllib.request.Request(address, headers={"Host": "evil.example:9753"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)
    assert refused.value.code == 403
    assert "not that of this machine" in refused.value.read().decode()
