#pragma once

#include <cstddef>
#include <cstdint>

// Every constant bound of the product, each with its reason.
namespace cgwarden::limits {

// CONFIG_NR_CPUS_RANGE_END of the largest kernels.
inline constexpr unsigned kProcessors = 8192;
// memory.stat of 6.12 is about 1.6 KiB and io.stat grows by ~80 bytes a device: 256 KiB holds over
// 3,000 devices.
inline constexpr std::size_t kControlFileBytes = 256U * 1024U;
// cgroup.procs of a fork bomb; pid_max of 64-bit kernels is 4,194,304 lines of at most 8 bytes.
inline constexpr std::size_t kProcsFileBytes = 32U * 1024U * 1024U;
// The kernel allows any depth; kubelet uses 5 levels, nested containers about 12. Deeper trees are
// reported as cut.
inline constexpr std::size_t kCgroupDepth = 64;
// The product's stated scale is 10,000 cgroups; ten times that bounds memory at about 300 MB.
inline constexpr std::size_t kCgroupsWatched = 100000;
// Fds kept on files of every tick: 7 a cgroup at the stated scale and a seventh more. The kernel
// charges 4 KiB to the agent for each that was read, 320 MB in all.
inline constexpr std::size_t kKeptFiles = 80000;
// Cgroups that went and still show their last values: 250 a second for the 30 s of two scrapes,
// each with about 45 series and 2 KiB.
inline constexpr std::size_t kGoneCgroups = 8000;
// Scrapers whose two scrapes a gone cgroup waits for: a Prometheus pair, an agent and a few people,
// each once a page and again where its connection tells it from others of its address.
inline constexpr std::size_t kScrapers = 64;
// Seconds that a gone cgroup is shown at least to clients that cannot be told apart (a proxy, or
// connections that end after each scrape): two scrapes at the usual 15 s. The fastest of them would
// use up the two scrapes of the others.
inline constexpr std::uint64_t kGoneLeastSeconds = 30;
// Seconds after which a gone cgroup is shown to nobody, and a scraper not seen is no scraper: the
// longest interval at which Prometheus does not forget series.
inline constexpr std::uint64_t kGoneSeconds = 300;
// Levels of back-off of a tick that overruns: 1 s becomes 64 s.
inline constexpr unsigned kMostBackOff = 64;
// A policy or workload file is written by people; 1 MiB is far beyond any real one.
inline constexpr std::size_t kYamlFileBytes = 1024U * 1024U;
// The copy of the last good policy files: thousands of real ones.
inline constexpr std::size_t kPolicyCopyBytes = 16U * 1024U * 1024U;
// Directories with drop-ins of policies (NAME.d) that are looked into and watched: one for each of
// a few hundred policies.
inline constexpr std::size_t kDropInDirectories = 512;
// An extended attribute of a cgroup that a policy selects by: a word or two.
inline constexpr std::size_t kXattrBytes = 256;
// Such attributes that are remembered between two looks at them: two or three of each cgroup that
// is watched, some 150 bytes each.
inline constexpr std::size_t kXattrsKept = 50000;
// Combinations of the globs under the keys of one policy's `match` that are compared with those of
// other policies: ten of three keys each.
inline constexpr std::size_t kMatchParts = 1000;
// YAML nesting: the schema needs 5; more is an attack on the recursive parser.
inline constexpr std::size_t kYamlDepth = 32;
// Nodes of all documents of one YAML file: the largest real ones have a few hundred. 50,000 are
// about 10 MiB of memory.
inline constexpr std::size_t kYamlNodes = 50000;
// Diagnostics shown for one file: a screen. More are usually the same mistake again.
inline constexpr std::size_t kDiagnostics = 20;
// Labels of one workload: each may become a label of its series on /metrics.
inline constexpr std::size_t kWorkloadLabels = 32;
// Workload names become directory, unit and label names; systemd unit names may have 255 bytes.
inline constexpr std::size_t kWorkloadNameBytes = 64;
// JSON documents between agent, shim and launcher (OCI config.json with a large seccomp profile is
// ~100 KiB).
inline constexpr std::size_t kStateFileBytes = 4U * 1024U * 1024U;
// /etc/passwd of an image: those of universities have 100,000 lines of about 80 bytes.
inline constexpr std::size_t kPasswdFileBytes = 16U * 1024U * 1024U;
// The last words of a workload kept with its death (bytes of stderr).
inline constexpr std::size_t kStderrTailBytes = 8U * 1024U;
// An output log of a workload before it becomes .1: two of them for two streams are 64 MiB at most,
// hours of a normal service and small enough for /run in memory.
inline constexpr std::size_t kOutputLogBytes = 16U * 1024U * 1024U;
// A path in the hierarchy that can be opened at all (PATH_MAX).
inline constexpr std::size_t kCgroupPathBytes = 4096;
// A record of /dev/kmsg is at most PRINTK_MESSAGE_MAX (2048) plus its escaped prefix; smaller
// buffers give EINVAL.
inline constexpr std::size_t kKmsgRecordBytes = 16U * 1024U;
// OOM records kept for attribution; an incident needs one, a storm of 100 a second keeps ten
// seconds.
inline constexpr std::size_t kOomRecords = 1024;
// Gaps of the kernel log remembered one by one; a log that is flooded for an hour has a few.
inline constexpr std::size_t kKernelLogGaps = 64;
// Lines about faults of processes kept beside them; the kernel writes ten in five seconds.
inline constexpr std::size_t kFaultLines = 256;
// Cgroups of which the log says that a fork was refused; it does so once in a cgroup's life, and a
// node has some thousand cgroups, few of which ever come to a limit.
inline constexpr std::size_t kRefusedForks = 1024;
// Lines of the kernel log kept in the store: 32,768 of some 150 bytes are 5 MiB, dozens of boots or
// a hundred OOM dumps. Those that name a kill are counted apart, so that nothing else pushes them
// out.
inline constexpr std::size_t kStoredKernelLogLines = 32768;
inline constexpr std::size_t kStoredKernelLogKills = 8192;
inline constexpr std::size_t kStoredKernelLogGaps = 1000;
inline constexpr std::uint64_t kStoredKernelLogSeconds = 14U * 24U * 3600U;
// Lines stored at once and, when that is used up, per second: a boot and thirty OOM dumps pass, a
// flood of 9,500 lines a second (OOM without a victim) takes an hour to turn the store over. A
// storm of kills is hundreds of lines a second, for seconds.
inline constexpr std::size_t kKernelLogBurst = 4096;
inline constexpr std::size_t kKernelLogLinesPerSecond = 10;
inline constexpr std::size_t kKernelLogKillBurst = 2048;
inline constexpr std::size_t kKernelLogKillsPerSecond = 100;
// Lines that wait for a disk that takes none; a batch of two seconds is a fraction of it.
inline constexpr std::size_t kPendingKernelLog = 8192;
// Boots remembered with the last sign of life of the agent; a machine that crashes every hour has
// four days of them.
inline constexpr std::size_t kStoredBoots = 100;
// Of the last words of a kernel that panicked (/sys/fs/pstore): files of at most a few KiB each.
inline constexpr std::size_t kPstoreFiles = 64;
inline constexpr std::size_t kPstoreFileBytes = 64U * 1024U;
// One line of a trace_pipe; the kernel makes none longer than a page.
inline constexpr std::size_t kTraceLineBytes = 4096;
// Of each processor's ring of OOM events: an event takes about 100 bytes, so a storm of hundreds
// between two looks of the loop is held.
inline constexpr std::size_t kTraceBufferKib = 128;
// Of each processor's ring of sent signals, a power of two: 64 KiB, some 600 signals between two
// looks of the loop.
inline constexpr std::size_t kSignalRingPages = 16;
// Fatal and stop signals remembered; a storm of 100 a second keeps 40 seconds, which is more than
// from a kill to its verdict.
inline constexpr std::size_t kSignalsKept = 4096;
// Deaths and caught signals of broken pipes, remembered apart: a server that catches SIGPIPE has
// many, and none of them may push a SIGKILL out.
inline constexpr std::size_t kPipeSignalsKept = 512;
// Processes whose first thread ended before others, all of whose threads' ends are then asked for:
// each costs two instructions of the kernel's filter at every end of a thread.
inline constexpr std::size_t kThreadsWatched = 64;
// Changes of limits by policies remembered for the deaths that may follow; those of the last ten
// minutes are told, and a policy that is new writes more than anybody wants to read.
inline constexpr std::size_t kPolicyWritesKept = 1024;
// Of them told with one death, the newest.
inline constexpr std::size_t kPolicyWritesTold = 8;
// Names of processes remembered for senders that are gone when their signal is read.
inline constexpr std::size_t kProcessNames = 4096;
// Senders looked up in /proc at one look of the loop, ten system calls each: of a storm the first.
inline constexpr std::size_t kSendersLookedUp = 64;
// Processes measured when a limit is reached, some ten microseconds each, on the loop: most
// workloads have fewer.
inline constexpr std::size_t kProcessesMeasured = 256;
// memory.events of units and containers that the kernel tells of, an fd each: ten times a node's
// most pods.
inline constexpr std::size_t kMemoryEventsWatched = 1024;
// Of them, measured between two ticks: all that are full at once take a twentieth of a processor
// and not the loop.
inline constexpr std::size_t kCgroupsMeasured = 32;
// Of them shown with a death.
inline constexpr std::size_t kLargestProcesses = 5;
// OOM victims whose cgroup is not known yet; each takes a few milliseconds.
inline constexpr std::size_t kOomPending = 4096;
// Sizes of huge pages of one machine; HUGE_MAX_HSTATE of the kernel is at most 4 on every
// architecture of Debian.
inline constexpr std::size_t kHugePageSizes = 8;
// Memory nodes shown per cgroup and key on /metrics. The others are not shown.
inline constexpr std::size_t kExportedNodes = 16;
// Of a list of processors in a label; a longer one is left out of it.
inline constexpr std::size_t kExportedListBytes = 256;
// Resources of misc.* and devices of rdma.* shown per cgroup on /metrics: more than any kernel or
// machine has today, so that a family stays bounded.
inline constexpr std::size_t kExportedResources = 16;
// Devices of io.stat shown per cgroup on /metrics; six series each, so that a host with hundreds of
// disks does not multiply the page. The others are counted, not shown.
inline constexpr std::size_t kExportedDevices = 8;
// Addresses of the endpoint: loopback, one or two of the node, a socket. Each has its own threads.
inline constexpr std::size_t kListenAddresses = 8;
// HTTP connections at a time: a few scrapers with keep-alive, a browser, a probe. One address may
// hold a quarter, so that a single client cannot shut out the others.
inline constexpr unsigned kHttpConnections = 64;
inline constexpr unsigned kHttpConnectionsPerAddress = 16;
// Threads that answer: gzip of 10,000 cgroups takes most of a second and must not delay /healthz.
inline constexpr unsigned kHttpThreads = 2;
// From so many on, those of them that wait for a request go, the ones of whoever holds most first:
// always room for the next client on at least one of kHttpThreads, however slow the others are.
inline constexpr unsigned kHttpConnectionsKept = 48;
// Seconds from the end of an answer to the next request. A scraper that comes every minute or two
// keeps its connection, which tells it from others of its address; Prometheus keeps idle ones for 5
// min and reconnects silently.
inline constexpr unsigned kHttpIdleSeconds = 150;
// Seconds for the TLS handshake and the whole header of the first request, and beyond
// kHttpIdleSeconds for the headers of the next ones: they come in one packet or two.
inline constexpr unsigned kHttpHeaderSeconds = 10;
// Seconds that an answer of up to kHttpWholeBytes may take to be read, and those of a larger one in
// which its client takes no byte; Prometheus gives up a scrape after 10 s unless told otherwise.
inline constexpr unsigned kHttpAnswerSeconds = 30;
// Seconds for a larger one as a whole: 400,000 series are 76 MB, in 300 s 2 Mbit/s.
inline constexpr unsigned kHttpStreamSeconds = 300;
// Memory of one request and of what is being sent: Prometheus sends about 500 bytes of headers, and
// pieces of half of this keep the number of system calls of a large page small.
inline constexpr std::size_t kHttpRequestBytes = 128U * 1024U;
// A page is written in pieces of this size, so that 400,000 series need no more memory than 400.
inline constexpr std::size_t kHttpPieceBytes = 64U * 1024U;
// Up to here an answer is sent whole, with its length; a larger one is sent in chunks.
inline constexpr std::size_t kHttpWholeBytes = 1024U * 1024U;
// Such answers at a time, over all addresses: each keeps the snapshot of its beginning in memory
// for as long as its client takes to read.
inline constexpr unsigned kHttpStreams = 8;
// Of them for one address: Prometheus reads two pages, and clients that do not read must not keep
// the pages of all others back.
inline constexpr unsigned kHttpStreamsPerAddress = 4;
// What a client reads by that is not slow, a second, from kHttpStreamGraceSeconds on: a page of 76
// MB takes five minutes then. Slow ones make room for others when there are kHttpStreams.
inline constexpr std::size_t kHttpSlowBytesPerSecond = 256U * 1024U;
// The buffers of the sockets take the first megabytes at once, whatever the client does.
inline constexpr unsigned kHttpStreamGraceSeconds = 2;
// Credentials whose bcrypt hash was computed, kept so that a scrape every second does not pay for
// it again: more than any endpoint has users.
inline constexpr std::size_t kHttpKnownCredentials = 128;
// The cost of a bcrypt hash, as a power of two of its rounds: 16 takes about 5 s.
inline constexpr unsigned kBcryptMostCost = 16;
// Elements read of an Accept header; Prometheus 3 sends 6.
inline constexpr std::size_t kHttpAcceptElements = 32;
// Rows of the web page: more than anybody reads; 150 KiB every two seconds while it is open.
inline constexpr std::size_t kWebPageRows = 500;
// Verdicts in its timeline, and how far back it looks.
inline constexpr std::size_t kWebPageVerdicts = 500;
inline constexpr unsigned kWebPageHours = 24U * 7U;

// Launches that fail one after the other before `restart: on-failure` without maxRestarts gives up:
// with the default backoff four minutes, long enough for a mount or an image that comes late.
inline constexpr unsigned kLaunchFailuresInRow = 10;
// Workloads that have ended, are not in the workload directory and will not be restarted: what they
// leave in the runtime directory (output logs above all) and their series are kept of the newest
// 100, and for a day, so that 10,000 one-shot runs do not fill memory. Their verdicts stay.
inline constexpr std::size_t kFinishedWorkloads = 100;
inline constexpr std::uint64_t kFinishedWorkloadSeconds = 24U * 3600U;

// A state file of a container runtime: config.json with a large seccomp profile is 100 KiB;
// containers.json of 10,000 containers is about 10 MiB.
inline constexpr std::size_t kRuntimeStateBytes = 16U * 1024U * 1024U;
// Entries read of one directory of logs or state: kubelet runs 110 pods by default, at most some
// hundreds; each has a few containers, and a log that was not yet collected.
inline constexpr std::size_t kNamesPerDirectory = 20000;
// Names of containers, pods and users remembered while they have no cgroup, so that one that comes
// back is known at once; some 300 bytes each.
inline constexpr std::size_t kRememberedNames = 20000;
// Threads that read the files of users, one user's at a time: one is enough where homes answer;
// each home that hangs (NFS, FUSE) keeps one.
inline constexpr std::size_t kNameThreads = 4;
// Seconds after which a name that was not answered is given up, and asked for again later.
inline constexpr std::int64_t kNameSeconds = 10;

// Cgroups right below the root whose counters are read for OOM kills that no event told: systemd
// makes four, a kubelet one more, LXC two a container; some 15 us each, twice a second.
inline constexpr std::size_t kOomSlices = 512;

// Units and named containers with counters of their own: a node has some 150 units and at most some
// hundreds of containers at a time; their names are kept for a day, so that a counter goes on over
// a restart in the night. Some forty series each, most of which are 0 and go after ten minutes
// without a cgroup: a rate over what did not happen needs no more. Users can make any number of
// names.
inline constexpr std::size_t kSubjects = 5000;
inline constexpr std::size_t kSubjectsOfUsers = 500;
inline constexpr std::uint64_t kSubjectSeconds = 24U * 3600U;
inline constexpr std::uint64_t kSubjectAwaySeconds = 600;

// Cgroups of others that may be stalled, some fifteen files each of them and of those above it at
// every tick, 100 us: more than this at once is a node that stands still, and its own story.
inline constexpr std::size_t kForeignStalls = 64;
// Units and containers below one pids.max that refuses forks: a quarter of those, so that one slice
// does not hide the stalls of the others.
inline constexpr std::size_t kForksRefusedBelow = 16;
// Processes of a workload whose open descriptors are counted, every minute or when one says that it
// has no more: the main process and its workers.
inline constexpr std::size_t kDescriptorProcesses = 32;
// Descriptors counted one by one before Linux 6.2 has their number in stat(2): at 0.3 us each 5 ms,
// and 16 times the usual limit of 1024.
inline constexpr std::size_t kDescriptorsCounted = 16U * 1024U;
// File systems of a workload that are asked for room at its death: more than its specification
// usually mounts.
inline constexpr std::size_t kFilesystemsTold = 32;
// Cgroups whose first death would be told, looked at in one tick: some 20 us each. A node has a
// hundred; of ten thousand the last is known after a minute, and the loop is never away for long.
inline constexpr std::size_t kForeignBegun = 200;

// A crash loop at the one-minute backoff ceiling makes 1,440 deaths a day; 1,000 verdicts of about
// 4 KiB bound a workload at 4 MiB.
inline constexpr std::size_t kVerdictsPerWorkload = 1000;
// Of these, what `why` reads to answer, half a millisecond each on a busy node: its answer is of
// the newest, and of those before it a trend and five lines are told.
inline constexpr std::size_t kVerdictsExplained = 100;
// Verdicts that wait for a store that takes none (a full disk): some 4 KiB each, 8 MiB in all, a
// day of a crash loop at the one-minute ceiling and half a day of a second one.
inline constexpr std::size_t kVerdictsPending = 2048;
// Verdicts of units and containers in all, whose names may be made for one use (pods): some 40 MB,
// for 90 days.
inline constexpr std::size_t kSubjectVerdicts = 20000;
inline constexpr std::uint64_t kSubjectVerdictSeconds = 90U * 24U * 3600U;

// With sampling.collector auto: no cgroup is made or removed during the walk of the BPF program, so
// that one of many cgroups, or a slow one, would hold up launches.
inline constexpr std::size_t kCgroupsPerWalk = 1000;
inline constexpr std::uint64_t kLongestWalkUsec = 5000;

// Samples of one cgroup stored together: a minute is 60, at the fastest tick 600; more only while
// the disk is slower than that.
inline constexpr std::size_t kTicksPerCut = 1024;
// Numbers of one sample that are recorded: about 100 now, and those of any later version.
inline constexpr std::size_t kRecordedFields = 1024;
// A chunk before compression: all of these at full length would be 10 MiB; differences take a
// tenth.
inline constexpr std::size_t kChunkBytes = 16U * 1024U * 1024U;
// The ring of the newest samples: 70 bytes a sample, so 10,000 cgroups for a minute are 45 MB.
inline constexpr std::size_t kRingLeastBytes = 1024U * 1024U;
inline constexpr std::size_t kRingMostBytes = 256U * 1024U * 1024U;
// Files of the recording: less than a day of ten cgroups is none; 1 TiB is a mistake.
inline constexpr std::uint64_t kRecorderLeastBytes = 16ULL * 1024 * 1024;
inline constexpr std::uint64_t kRecorderMostBytes = 1024ULL * 1024 * 1024 * 1024;
// Streams of one cut: those of kCgroupsWatched that came and went in a minute besides.
inline constexpr std::size_t kStreamsPerCut = 1000000;
// What samples leave free of a disk: verdicts are a few KiB each, and must find room on a full one.
inline constexpr std::uint64_t kSpaceForVerdicts = 8U * 1024U * 1024U;
// Samples of one simulation: eleven days at one a second, 90 MB.
inline constexpr std::size_t kSimulatedSamples = 1000000;
// Days of recording looked at: ten years of files.
inline constexpr std::size_t kRecordedDays = 3660;

// Events kept of each kind, so that a chatty one (policy_write) does not push out the rare ones:
// some 400 bytes each, 20 MB in all, for two weeks.
inline constexpr std::size_t kStoredEventsPerKind = 5000;
inline constexpr std::uint64_t kStoredEventSeconds = 14U * 24U * 3600U;
// Events between two looks of the store; a policy for 10,000 cgroups that is new makes so many
// writes, and what does not fit is counted.
inline constexpr std::size_t kPendingEvents = 2000;
// The journal of what control files had before policies were written (agent/original_journal.h):
// some 300 bytes each, for ten knobs of 10,000 cgroups.
inline constexpr std::size_t kOriginals = 100000;
inline constexpr std::size_t kOriginalsBytes = 64U * 1024U * 1024U;
// Writes of policies into one cgroup in a minute: three times all knobs of one, while a manager
// that puts its own value back every second is given way to. Each write of cpu.max refills its
// quota.
inline constexpr std::uint64_t kCgroupWritesPerMinute = 60;
// And into all cgroups: a new policy for 10,000 of them is in force within a minute.
inline constexpr std::uint64_t kNodeWritesPerMinute = 20000;
// Cgroups whose memory is being shrunk or waits for it, one after the other: a policy that lowers
// more of them at once goes on with the rest at later ticks.
inline constexpr std::size_t kShrinksWaiting = 256;
// Control files whose last writer is remembered (agent/writer_watch.h), some 200 bytes each.
inline constexpr std::size_t kWritersKept = 4096;
// Units whose properties wait for systemd's answer: it takes some milliseconds for each.
inline constexpr std::size_t kUnitsAsked = 256;
// Cgroups on which the loops of policies (`adapt:`) run: each costs a read of memory.stat in every
// tick, some 50 us, and may write every second.
inline constexpr std::size_t kAdaptedCgroups = 1000;
// Candidates of a kill rule (`adapt.kill`) that are looked at, the largest first: two files and the
// extended attributes of each, 100 us, on a machine that is short of memory.
inline constexpr std::size_t kKillCandidates = 200;
// Kills of policies remembered for the verdicts of what they ended; a rule has a budget.
inline constexpr std::size_t kPolicyKills = 256;
// PSI triggers of all policies: the kernel looks at each several times per window, and ending one
// takes it some 10 ms.
inline constexpr std::size_t kPressureTriggers = 128;
// Units of systemd that are followed: a large node has some hundreds, timers and sockets included.
inline constexpr std::size_t kWatchedUnits = 5000;
// Ends of units that wait for what the kernel tells of OOM kills, a few seconds each; a unit that
// ends while there are so many gets no verdict but UNKNOWN.
inline constexpr std::size_t kUnitEndsPending = 256;
// Cgroups whose memory limit was hit without a kill, remembered one by one.
inline constexpr std::size_t kOomWaits = 1000;

}  // namespace cgwarden::limits
