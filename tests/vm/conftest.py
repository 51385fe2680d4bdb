"""Gives every test a booted guest: one machine for each kernel and mode serves all of its tests."""

import zlib
from pathlib import Path

import pytest
from harness import KERNELS, MODES, Guest
from harness import project

# pytest shares a machine between tests whose parameter is the same object.
SLOTS = [(kernel, mode) for kernel in KERNELS for mode in MODES]


def pytest_addoption(parser):
    group = parser.getgroup("vm")
    group.addoption("--kernel", action="append", choices=KERNELS, help="default: all kernels")
    group.addoption(
        "--divide", action="store_true", help="each test on one of the kernels, but for those marked each_kernel"
    )
    group.addoption("--part", default="1/1", help="K/N: the files of one of N machines of the same kind")
    group.addoption("--mode", action="append", choices=MODES, help="default: all modes")


def pytest_generate_tests(metafunc):
    if "machine_slot" in metafunc.fixturenames:
        modes = modes_of(metafunc.definition)
        slots = [slot for slot in SLOTS if slot[1] in modes]
        metafunc.parametrize(
            "machine_slot", slots, indirect=True, scope="session", ids=["-".join(s) for s in slots]
        )


def modes_of(item):
    return [mode for mode in MODES if item.get_closest_marker(mode)] or ["fast"]


def pytest_collection_modifyitems(config, items):
    kernels = config.getoption("kernel") or KERNELS
    modes = config.getoption("mode") or MODES

    def slot(item):
        return getattr(item, "callspec", None) and item.callspec.params.get("machine_slot")

    def left_to_another(item):
        if not config.getoption("divide") or slot(item) is None or item.get_closest_marker("each_kernel"):
            return False
        # A checksum and not hash(), which differs from one run to the next.
        number = zlib.crc32(item.originalname.encode())
        return slot(item)[0] != KERNELS[number % len(KERNELS)]

    def chosen(item):
        if slot(item) is None:
            return True
        return slot(item)[0] in kernels and slot(item)[1] in modes and not left_to_another(item)

    part, parts = map(int, config.getoption("part").split("/"))
    mine = [item for item in items if chosen(item)]
    # In turn, as long and short ones stand beside each other; a file's tests share what it sets up.
    files = sorted({item.path for item in mine})[part - 1 :: parts]
    kept = {item for item in mine if item.path in files}
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]
    # All tests of a machine in a row, so that each is booted once and only one at a time.
    items.sort(key=lambda item: SLOTS.index(slot(item)) if slot(item) else -1)


class MachineSlot:
    """Keeps the machine of one kernel and mode; a lost one is replaced for the next test."""

    def __init__(self, kernel, mode):
        self.kernel = kernel
        self.mode = mode
        self._guest = None

    def guest(self):
        if self._guest is not None and not self._guest.alive:
            self.close()
        if self._guest is None:
            self._guest = Guest.boot(self.kernel, self.mode, project.shares(fixed=True))
        return self._guest

    def close(self):
        if self._guest is not None:
            self._guest.close()
            self._guest = None


@pytest.fixture(scope="session")
def machine_slot(request):
    slot = MachineSlot(*request.param)
    yield slot
    slot.close()


@pytest.fixture
def guest(machine_slot):
    """A harness.Guest. The test must clean up in it what others could stumble over."""
    return machine_slot.guest()


@pytest.fixture(scope="session")
def mounts_at_start():
    return Path("/proc/self/mountinfo").read_bytes()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    guest = getattr(item, "funcargs", {}).get("guest")
    if report.failed and guest is not None:
        logs = guest.keep_logs(item.name)
        report.sections.append(("VM", f"console and kernel log of the guest: {logs}"))
