"""What can go wrong; every message is one sentence for a person."""


class HarnessError(Exception):
    """The harness itself could not do its work (missing tool, no kernel package, ...)."""


class BootError(HarnessError):
    """The machine did not come up."""


class GuestLost(HarnessError):
    """The guest panicked, powered off or hangs; nothing more can be run in it."""


class CommandTimeout(HarnessError):
    """A command ran longer than its timeout and was killed."""


class CommandFailed(HarnessError):
    """A command with check=True did not end with exit code 0."""
