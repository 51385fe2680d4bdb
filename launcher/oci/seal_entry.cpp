#include <elf.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "launcher/oci/seal.h"

// The entry point of the static program: seals it before the C library starts, so that the start-up
// of the library (hundreds of microseconds in a virtual machine, where every CPUID traps) is paid
// once and not twice. What it cannot do is left to seal_program(). Nothing of the library may be
// called here, nor may the compiler call it: see the options of this file in CMakeLists.txt.
namespace cgwarden::launcher::oci {
namespace {

constexpr long kStatfsReadOnly = 1;        // ST_RDONLY
constexpr unsigned kAtEmptyPath = 0x1000;  // AT_EMPTY_PATH
constexpr long kOpenTreeClone = 1;
constexpr long kPageBytes = 4096;

long call(long number, long a, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  long result = number;
  asm volatile("syscall"
               : "+a"(result)
               : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

long address(const void* pointer) { return reinterpret_cast<long>(pointer); }

bool equal(const char* left, const char* right) {
  while (*left != 0 && *left == *right) {
    ++left;
    ++right;
  }
  return *left == *right;
}

// `struct statfs` of the kernel for x86-64: f_flags is its eleventh word.
struct FileSystem {
  long words[16];
};

// What the kernel left on the stack: argc, argv, NULL, envp, NULL, pairs of the auxiliary vector.
struct Start {
  long argc;
  char** argv;
  char** envp;
  const Elf64_Phdr* segments;
  long segment_count;
  long bottom;
};

Start read_start(long* stack) {
  Start start;
  start.argc = stack[0];
  start.argv = reinterpret_cast<char**>(stack + 1);
  start.envp = start.argv + start.argc + 1;
  start.segments = nullptr;
  start.segment_count = 0;
  start.bottom = address(stack);
  char** end = start.envp;
  while (*end != nullptr) ++end;
  for (const long* pair = reinterpret_cast<const long*>(end + 1); pair[0] != AT_NULL; pair += 2) {
    if (pair[0] == AT_PHDR) start.segments = reinterpret_cast<const Elf64_Phdr*>(pair[1]);
    if (pair[0] == AT_PHNUM) start.segment_count = pair[1];
  }
  return start;
}

// The end of the last of some words, which lie behind each other.
long end_of(char** words, long without) {
  if (*words == nullptr) return without;
  while (words[1] != nullptr) ++words;
  const char* end = *words;
  while (*end != 0) ++end;
  return address(end + 1);
}

// The file of this program by a copy of its mount that nobody can write through; negative: there is
// none, or none is needed.
long readonly_mount() {
  const long copy = call(SYS_open_tree, AT_FDCWD, address("/proc/self/exe"), kOpenTreeClone);
  if (copy < 0) return copy;
  FileSystem status;
  mount_attr attributes;
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  attributes.attr_clr = 0;
  attributes.propagation = 0;
  attributes.userns_fd = 0;
  if (call(SYS_fstatfs, copy, address(&status)) == 0 && (status.words[10] & kStatfsReadOnly) == 0 &&
      call(SYS_mount_setattr, copy, address(""), kAtEmptyPath, address(&attributes),
           sizeof(attributes)) == 0) {
    return copy;
  }
  call(SYS_close, copy);
  return -1;
}

// open(2) of what an O_PATH descriptor stands for.
long open_anew(long fd) {
  constexpr long kDirectory = 14;  // "/proc/self/fd/"
  char path[kDirectory + 11];
  for (long i = 0; i < kDirectory; ++i) path[i] = "/proc/self/fd/"[i];
  long end = kDirectory + 1;
  for (long rest = fd / 10; rest != 0; rest /= 10) ++end;
  path[end] = 0;
  for (long rest = fd; end > kDirectory; rest /= 10)
    path[--end] = static_cast<char>('0' + rest % 10);
  return call(SYS_open, address(path), O_RDONLY | O_CLOEXEC);
}

long page_of(long at) { return at & -kPageBytes; }

// Puts the same bytes of `file` in the place of a segment in which nothing has been written yet.
bool map_anew(const Elf64_Phdr& segment, long file) {
  const long begin = page_of(static_cast<long>(segment.p_vaddr));
  const long end = static_cast<long>(segment.p_vaddr + segment.p_filesz);
  const bool writable = (segment.p_flags & PF_W) != 0;
  const long protection =
      PROT_READ | (writable ? PROT_WRITE : 0) | ((segment.p_flags & PF_X) != 0 ? PROT_EXEC : 0);
  if (call(SYS_mmap, begin, end - begin, protection,
           MAP_PRIVATE | MAP_FIXED | (writable ? MAP_POPULATE : 0), file,
           page_of(static_cast<long>(segment.p_offset))) != begin) {
    return false;
  }
  // Variables without a value begin where those of the file end; the rest of that page is zero.
  if (!writable) return true;
  for (long at = end; at % kPageBytes != 0; ++at) *reinterpret_cast<volatile char*>(at) = 0;
  return true;
}

// proc_pid_stat(5), proc_pid_cmdline(5): what is told of this process stays as it is, but for the
// file.
prctl_mm_map memory_of(const Start& start, long file) {
  prctl_mm_map map;
  map.start_code = ~__u64{0};
  map.end_code = 0;
  map.start_data = 0;
  map.end_data = 0;
  for (long i = 0; i < start.segment_count; ++i) {
    const Elf64_Phdr& segment = start.segments[i];
    if (segment.p_type != PT_LOAD) continue;
    const __u64 end = segment.p_vaddr + segment.p_filesz;
    const bool code = (segment.p_flags & PF_X) != 0;
    if (code && segment.p_vaddr < map.start_code) map.start_code = segment.p_vaddr;
    if (code && end > map.end_code) map.end_code = end;
    if (segment.p_vaddr > map.start_data) map.start_data = segment.p_vaddr;
    if (end > map.end_data) map.end_data = end;
  }
  map.start_brk = static_cast<__u64>(call(SYS_brk, 0));
  map.brk = map.start_brk;
  map.start_stack = static_cast<__u64>(start.bottom);
  map.arg_start = static_cast<__u64>(address(start.argv[0]));
  map.arg_end = static_cast<__u64>(end_of(start.argv, address(start.argv[0])));
  map.env_start = map.arg_end;
  map.env_end = static_cast<__u64>(end_of(start.envp, static_cast<long>(map.arg_end)));
  map.auxv = nullptr;
  map.auxv_size = 0;
  map.exe_fd = static_cast<__u32>(file);
  return map;
}

// Makes `copy` the file that this program runs from (prctl(2), PR_SET_MM_EXE_FILE): what an
// execve(2) would do as well, at the price of one.
bool run_from(long copy, const Start& start) {
  const long file = open_anew(copy);
  if (file < 0) return false;
  bool mapped = start.segment_count > 0;
  for (long i = 0; mapped && i < start.segment_count; ++i) {
    if (start.segments[i].p_type == PT_LOAD) mapped = map_anew(start.segments[i], file);
  }
  bool done = false;
  if (mapped) {
    const prctl_mm_map map = memory_of(start, file);
    done = call(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, address(&map), sizeof(map)) == 0;
  }
  call(SYS_close, file);
  return done;
}

void seal(const Start& start) {
  const long copy = readonly_mount();
  if (copy < 0) return;
  if (run_from(copy, start)) {
    cgwarden_sealed_file = static_cast<int>(copy);
    return;
  }
  call(SYS_execveat, copy, address(""), address(start.argv), address(start.envp), kAtEmptyPath);
  call(SYS_close, copy);
}

}  // namespace

extern "C" __attribute__((used)) void cgwarden_seal_entry(long* stack) {
  const Start start = read_start(stack);
  for (long i = 1; i < start.argc; ++i) {
    // A word that only looks like the command costs a few system calls.
    if (equal(start.argv[i], "create") || equal(start.argv[i], "run") ||
        equal(start.argv[i], "exec")) {
      seal(start);
      return;
    }
  }
}

// Keeps the stack and %rdx as the C library's entry wants them.
asm(".globl cgwarden_start\n"
    ".type cgwarden_start, @function\n"
    "cgwarden_start:\n"
    "  endbr64\n"
    "  xor %ebp, %ebp\n"
    "  push %rdx\n"
    "  push %rdx\n"
    "  lea 16(%rsp), %rdi\n"
    "  call cgwarden_seal_entry\n"
    "  pop %rdx\n"
    "  pop %rdx\n"
    "  jmp _start\n"
    ".size cgwarden_start, .-cgwarden_start\n");

}  // namespace cgwarden::launcher::oci
