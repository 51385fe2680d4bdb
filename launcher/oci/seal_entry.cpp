#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
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
constexpr unsigned kOpenTreeClone = 1;

long call(long number, long a, long b = 0, long c = 0, long d = 0, long e = 0) {
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  long result = number;
  asm volatile("syscall"
               : "+a"(result)
               : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
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

void seal(char** argv, char** envp) {
  const long self = call(SYS_open, address("/proc/self/exe"), O_PATH | O_CLOEXEC);
  if (self < 0) return;
  FileSystem status;
  if (call(SYS_fstatfs, self, address(&status)) == 0 && (status.words[10] & kStatfsReadOnly) == 0) {
    const long copy =
        call(SYS_open_tree, self, address(""), static_cast<long>(kAtEmptyPath | kOpenTreeClone));
    mount_attr attributes;
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    attributes.attr_clr = 0;
    attributes.propagation = 0;
    attributes.userns_fd = 0;
    if (copy >= 0 && call(SYS_mount_setattr, copy, address(""), kAtEmptyPath, address(&attributes),
                          sizeof(attributes)) == 0) {
      call(SYS_execveat, copy, address(""), address(argv), address(envp), kAtEmptyPath);
    }
    if (copy >= 0) call(SYS_close, copy);
  }
  call(SYS_close, self);
}

}  // namespace

// `stack` as the kernel leaves it for a new program: argc, argv, NULL, envp, NULL.
extern "C" __attribute__((used)) void cgwarden_seal_entry(long* stack) {
  char** argv = reinterpret_cast<char**>(stack + 1);
  const long argc = stack[0];
  for (long i = 1; i < argc; ++i) {
    // A word that only looks like the command costs one execve(2).
    if (equal(argv[i], "create") || equal(argv[i], "run") || equal(argv[i], "exec")) {
      seal(argv, argv + argc + 1);
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
