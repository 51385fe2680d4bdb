"""Deaths without the OOM killer."""

from matrix.case import NO_OOM, NO_USER, OPEN, Case, deed, shell

NEVER = (*NO_OOM, *NO_USER)


def ended(name, story, command, code, **more):
    more.setdefault("never", NEVER)
    return Case(name, story, command, "EXITED", says=(f"exit code {code}", *more.pop("says", ())), **more)


def fault(word, expected, **more):
    return Case(word, f"the program: {word}", deed(*word.split("-")), expected, never=NEVER, **more)


def exec_failed(name, story, command, *says):
    return Case(name, story, command, "EXEC_FAILED", says=("was never started", *says), never=NEVER)


EXITS = [
    ended("exit-0", "ends with 0", deed("exit", "0"), 0),
    ended("exit-1", "ends with 1", deed("exit", "1"), 1),
    ended("exit-137", "ends with 137 by itself", deed("exit", "137"), 137, exit_code_lies=True),
    ended("exit-143", "ends with 143 by itself", deed("exit", "143"), 143, exit_code_lies=True),
    ended("exit-126", "a shell that may not run its command", shell("/tmp/plain"), 126, says=("not executable",)),
    ended("exit-127", "a shell that does not find its command", shell("no-such-thing"), 127, says=("not found",)),
    ended("asked", "ends by itself, having been sent SIGTERM", shell("trap 'exit 3' TERM; while :; do sleep 0.1; done"), 3,
          deed="sleep 0.5; kill -15 {pid}; sleep 1", says=("it had been sent SIGTERM by",), never=NO_OOM),
    exec_failed("exec-enoent", "a command that is not there", ("/bin/no-such-program",), "/bin/no-such-program"),
    exec_failed("exec-eacces", "a command that may not be executed", ("/tmp/plain",), "Permission denied"),
    exec_failed("exec-loader", "a script whose interpreter is missing", ("/tmp/script",), "/no/such/interpreter"),
    exec_failed("exec-format", "a file that is no program", ("/tmp/garbage",), "Exec format error"),
    exec_failed("exec-elf", "a program whose loader is missing", ("/tmp/dynamic",), "ld-linux"),
    exec_failed("exec-directory", "a directory as its command", ("/tmp",), "Permission denied"),
]

FAULTS = [
    fault("segv", "SEGFAULT"),
    fault("ill", "ILLEGAL_INSTRUCTION"),
    fault("fpe", "ARITHMETIC_FAULT"),
    # Of it the kernel writes no line, and what it raises looks as what a thread can send to itself.
    fault("bus", "BUS_ERROR", confidence=("strong",)),
    fault("abort", "ABORTED"),
    fault("trap", "ABORTED"),
    fault("threaded-segv", "SEGFAULT"),
    fault("forbidden-kill", "SECCOMP_VIOLATION", says=("it was system call 110",)),
    fault("forbidden-trap", "SECCOMP_VIOLATION", confidence=("strong",)),
    Case("rlimit-cpu", "RLIMIT_CPU", shell("ulimit -t 1; exec deed spin"), "RLIMIT_EXCEEDED", ("strong",),
         says=("RLIMIT_CPU",), never=NEVER),
    Case("rlimit-fsize", "RLIMIT_FSIZE", shell("ulimit -f 8; exec deed fill /tmp/big 1"), "RLIMIT_EXCEEDED", ("strong",),
         says=("RLIMIT_FSIZE",), never=NEVER),
    ended("rlimit-as", "RLIMIT_AS: the kernel leaves no trace of it", shell("ulimit -v 32768; exec deed eat 64"), 1,
          says=("likely RLIMIT_AS",)),
    ended("rlimit-nofile", "RLIMIT_NOFILE: no trace", shell("ulimit -n 16; exec deed files"), 1,
          says=("likely RLIMIT_NOFILE",)),
    ended("pids-exit", "pids.max, and a shell that cannot fork ends", shell("for i in 1 2 3 4 5 6; do sleep 1000 & done; exit 3"), 2,
          resources="{pids: {max: 5}}", says=("likely pids.max",)),
    ended("full-disk", "a full file system: no trace", deed("fill", "/tiny/big", "4"), 1,
          extra="mounts: [{source: /run/matrix/tiny, destination: /tiny}]\n", says=("likely a full disk", "/tiny (tmpfs) had")),
    ended("rlimit-nofile-seen", "RLIMIT_NOFILE, and it lives for a while after its words", shell("ulimit -n 16; exec deed files 10"), 1,
          says=("likely RLIMIT_NOFILE", "16 descriptors open of 16 (soft RLIMIT_NOFILE)")),
]


# A default action would end also what is frozen.
ENDS_ON_TERM = shell("trap 'exit 0' TERM; while :; do sleep 0.1; done")
THROTTLED = "until [ $(sed -n 's/nr_throttled //p' {payload}/cpu.stat) -ge 15 ]; do sleep 0.2; done"


def killed(name, story, how, expected="KILLED_BY_USER", command=deed("stay"), **more):
    more.setdefault("never", NO_OOM)
    return Case(name, story, command, expected, deed=how, **more)


KILLS = [
    killed("kill-9", "kill -9 by an operator", "kill -9 {pid}; sleep 1", says=("SIGKILL", "sent by pid")),
    killed("kill-15", "kill -15 by an operator", "kill -15 {pid}; sleep 1", says=("SIGTERM", "sent by pid"),
           command=shell("while :; do sleep 0.1; done")),
    killed("kill-11", "kill -11 by an operator", "kill -11 {pid}; sleep 1", says=("SIGSEGV", "sent by pid"),
           never=(*NO_OOM, "crashed")),
    killed("kill-6", "kill -6 by an operator", "kill -6 {pid}; sleep 1", says=("SIGABRT", "sent by pid"),
           never=(*NO_OOM, "crashed")),
    # PTRACE_KILL looks the same where init ended before its tracer could be looked up.
    killed("kill-cgroup", "1 written to its cgroup.kill", "echo 1 > {payload}/cgroup.kill; sleep 1",
           "KILLED_BY_CGROUP_KILL", confidence=("strong", "proven"), subject="cgroup", says=("cgroup.kill",)),
    killed("kill-deaf", "SIGTERM, which it ignores, then SIGKILL",
           "sleep 1; kill -15 {pid}; sleep 0.5; kill -9 {pid}; sleep 0.5", "TERM_IGNORED", command=deed("deaf"),
           says=("ignores SIGTERM",), never=(*NO_OOM, "PID 1")),
    killed("kill-pid1", "SIGTERM to a PID 1 without a handler, then SIGKILL",
           "kill -15 {pid}; sleep 0.5; kill -9 {pid}; sleep 0.5", "TERM_IGNORED_BY_PID1", extra="init: false\n",
           says=("no default action",)),
    killed("kill-init", "kill -9 of the PID 1 of its pid namespace", "kill -9 {init}; sleep 1",
           says=("PID 1", "sent by pid"), subject="cgroup"),
    killed("kill-frozen", "kill -9 while it is frozen",
           "echo 1 > {payload}/cgroup.freeze; sleep 0.5; kill -9 {pid}; sleep 1; echo 0 > {payload}/cgroup.freeze",
           says=("SIGKILL", "sent by pid")),
    killed("kill-stopped", "SIGSTOP, and kill -9", "kill -STOP {pid}; sleep 0.5; kill -9 {pid}; sleep 1",
           says=("SIGKILL", "sent by pid"), never=(*NO_OOM, "SIGTERM")),
    killed("kill-traced", "a program that traces it ends it with PTRACE_KILL", "{deed} trace {pid}", says=("SIGKILL", "sent by pid"),
           never=(*NO_OOM, "cgroup.kill")),
    killed("kill-child", "its own child kills it", OPEN, says=("SIGKILL", "{payload}"),
           command=shell("me=$$; (deed after GATE exit 0; kill -9 $me; sleep 1) & wait; sleep 1000")),
    killed("kill-watchdog", "who is called a watchdog kills it, as it is throttled",
           f"cp {{deed}} /run/matrix/watchdog; {THROTTLED}; /run/matrix/watchdog send 9 {{pid}}",
           "KILLED_BY_WATCHDOG", command=deed("spin"), resources="{cpu: {max: 10ms/100ms}}", confidence=("likely",),
           says=("throttled in", "cpu.max")),
    killed("kill-slow", "an operator kills it, as it is throttled", f"{THROTTLED}; kill -9 {{pid}}; sleep 1",
           command=deed("spin"), resources="{cpu: {max: 10ms/100ms}}", says=("throttled in", "sent by pid"), never=("watchdog",)),
    killed("kill-frozen-term", "SIGTERM while it is frozen, then SIGKILL",
           "echo 1 > {payload}/cgroup.freeze; sleep 0.5; kill -15 {pid}; sleep 2; kill -9 {pid}; sleep 4; "
           "echo 0 > {payload}/cgroup.freeze", command=ENDS_ON_TERM, says=("SIGKILL", "sent by pid", "it was frozen"),
           never=(*NO_OOM, "did not end on")),
    killed("kill-stopped-term", "SIGSTOP, SIGTERM and SIGKILL",
           "kill -STOP {pid}; sleep 0.5; kill -15 {pid}; sleep 0.5; kill -9 {pid}; sleep 1",
           command=ENDS_ON_TERM, says=("SIGKILL", "sent by pid", "it was stopped"), never=(*NO_OOM, "did not end on")),
    killed("kill-continued", "SIGSTOP, SIGTERM, SIGCONT, and SIGKILL as it ignores that",
           "kill -STOP {pid}; sleep 0.2; kill -15 {pid}; sleep 0.2; kill -CONT {pid}; sleep 1; kill -9 {pid}; sleep 1",
           "TERM_IGNORED", command=shell("trap 'x=1' TERM; while :; do sleep 0.1; done"), says=("did not end on",), never=NO_OOM),
    killed("kill-other-term", "SIGTERM of one program, which it ignores, then SIGKILL of another",
           "cp {deed} /run/matrix/reloader; /run/matrix/reloader send 15 {pid}; kill -9 {pid}; sleep 1", command=deed("deaf"),
           says=("SIGKILL", "sent by pid", "it had lived on after SIGTERM"), never=(*NO_OOM, "did not end on")),
    Case("kill-self", "it sends itself SIGKILL", shell("kill -9 $$"), "KILLED_BY_USER", says=("SIGKILL by itself",),
         never=NO_OOM),
    Case("forged-kernel", "it sends itself SIGKILL with the kernel's code", deed("forge", "process", "9", "128"), "KILLED_BY_USER",
         ("strong",), says=("SIGKILL by itself",), never=(*NO_OOM, "RLIMIT")),
    Case("forged-cgroup-kill", "it sends itself SIGKILL as a write to cgroup.kill does", deed("forge", "thread", "9", "0"),
         "KILLED_BY_USER", says=("SIGKILL by itself",), never=(*NO_OOM, "cgroup.kill")),
    Case("forged-fault", "it sends itself SIGSEGV with the code of a fault", deed("forge", "process", "11", "1"), "SEGFAULT",
         ("likely",), says=("which it sent to itself",), never=(*NO_OOM, "touched memory")),
    Case("forged-thread", "it sends SIGBUS to its thread with the code of a fault", deed("forge", "thread", "7", "2"), "BUS_ERROR",
         ("strong",), never=NO_OOM),
    Case("forged-timer", "it sends itself SIGTERM with the code of a timer", deed("forge", "process", "15", "-2"), "KILLED_BY_USER",
         ("strong",), says=("a timer",), never=NO_OOM),
    Case("pipe", "it writes to a pipe that nobody reads", shell("exec 3>/tmp/pipe.fifo; deed after GATE exit 0; echo x >&3"),
         "BROKEN_PIPE", ("strong",), says=("SIGPIPE", "whose reader was gone"), never=NEVER,
         deed="exec 4<{tmp}/pipe.fifo; sleep 0.3; exec 4<&-; " + OPEN),
    killed("kill-pipe", "kill -13 by an operator", "kill -13 {pid}; sleep 1", says=("SIGPIPE", "sent by pid"),
           never=(*NO_OOM, "whose reader was gone")),
    killed("kill-usr1", "kill -USR1 by an operator, which it does not catch", "kill -10 {pid}; sleep 1", confidence=("strong",),
           says=("SIGUSR1",)),
    killed("kill-term-thread", "kill -15 of a program whose work is done by another thread", "kill -15 {pid}; sleep 1",
           command=deed("threaded", "stay"), says=("SIGTERM", "sent by pid")),
    killed("kill-high", "held back at memory.high, and kill -9",
           "until [ $(sed -n 's/^high //p' {payload}/memory.events) -ge 3 ]; do sleep 0.2; done; sleep 1; kill -9 {pid}; sleep 1",
           command=deed("eat", "300"), resources="{memory: {high: 16MiB, max: 512MiB, swap.max: 0}}", says=("SIGKILL", "sent by pid")),
]

