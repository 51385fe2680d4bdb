#include "cgroup/bpf/cgroup_iterator.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "base/unique_fd.h"
#include "cgroup/bpf/cgroup_values.skel.h"

namespace cgwarden::cgroup {
namespace {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Btf = std::unique_ptr<btf, Freer<btf__free>>;
using Skeleton = std::unique_ptr<cgroup_values_bpf, Freer<cgroup_values_bpf::destroy>>;
using Link = std::unique_ptr<bpf_link, Freer<bpf_link__destroy>>;

std::unexpected<Error> refuse(int errno_value, const Tree& tree, std::string detail) {
  return fail(
      Error::from_errno(errno_value, "load the BPF program for", tree.root(), std::move(detail)));
}

std::unexpected<Error> lacks(const Tree& tree, std::string detail) {
  return fail(Error{ErrorKind::not_supported, 0, "load the BPF program for", tree.root(),
                    std::move(detail)});
}

// The value of an enumerator of the running kernel, whose enum may have no name.
std::optional<std::uint32_t> enumerator(const btf* types, std::string_view name) {
  const __u32 count = btf__type_cnt(types);
  for (__u32 id = 1; id < count; ++id) {
    const btf_type* type = btf__type_by_id(types, id);
    if (!btf_is_enum(type)) continue;
    const struct btf_enum* values = btf_enum(type);
    for (int i = 0; i < btf_vlen(type); ++i) {
      const char* found = btf__name_by_offset(types, values[i].name_off);
      if (found != nullptr && name == found) return static_cast<std::uint32_t>(values[i].val);
    }
  }
  return std::nullopt;
}

constexpr const char* kKernelTypes = "/sys/kernel/btf/vmlinux";

// What the program has to know of the running kernel.
struct KernelFacts {
  std::uint32_t frozen_bit = 0;
  std::uint32_t css_online = 0;
  std::uint32_t css_visible = 0;
  bool flush_css = false;
};

Result<KernelFacts> kernel_facts(const Tree& tree) {
  // The other one says of any failure that there is none, of one for want of memory too.
  Btf types(btf__parse(kKernelTypes, nullptr));
  if (!types && errno != ENOENT) return refuse(errno, tree, "the kernel's BTF cannot be read");
  if (!types) types.reset(btf__load_vmlinux_btf());
  if (!types) {
    return lacks(tree, "the kernel has no BTF (/sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF)");
  }
  const auto has = [&](const char* name, __u32 kind) {
    return btf__find_by_name_kind(types.get(), name, kind) > 0;
  };
  const auto frozen = enumerator(types.get(), "CGRP_FROZEN");
  const auto online = enumerator(types.get(), "CSS_ONLINE");
  const auto visible = enumerator(types.get(), "CSS_VISIBLE");
  const bool flush_css = has("css_rstat_flush", BTF_KIND_FUNC);
  const bool flush = flush_css || has("cgroup_rstat_flush", BTF_KIND_FUNC);
  if (!frozen || !online || !visible || !flush || !has("bpf_iter__cgroup", BTF_KIND_STRUCT)) {
    return lacks(tree, "the kernel has no BPF iterator of cgroups (6.1)");
  }
  return KernelFacts{*frozen, *online, *visible, flush_css};
}

// The records that the program writes, in our memory.
class Mapping {
 public:
  Mapping() = default;
  Mapping(int map, std::size_t records)
      : size_(records * sizeof(CgroupValues)),
        memory_(::mmap(nullptr, size_, PROT_READ, MAP_SHARED, map, 0)) {}
  ~Mapping() {
    if (valid()) ::munmap(memory_, size_);
  }
  Mapping(Mapping&& other) noexcept
      : size_(other.size_), memory_(std::exchange(other.memory_, MAP_FAILED)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(size_, other.size_);
    std::swap(memory_, other.memory_);
    return *this;
  }
  [[nodiscard]] bool valid() const { return memory_ != MAP_FAILED; }
  [[nodiscard]] const CgroupValues* records() const {
    return static_cast<const CgroupValues*>(memory_);
  }

 private:
  std::size_t size_ = 0;
  void* memory_ = MAP_FAILED;
};

// A loaded program; its members end in the order in which they need each other.
struct Program {
  std::size_t capacity = 0;
  Skeleton skeleton;
  Link link;
  Mapping records;
};

Result<Program> load(const Tree& tree, const KernelFacts& facts, std::size_t capacity,
                     Usec walk_time) {
  Program made;
  made.capacity = capacity;
  made.skeleton.reset(cgroup_values_bpf::open());
  if (!made.skeleton) return refuse(errno, tree, "libbpf does not take it");
  auto& constants = *made.skeleton->rodata;
  const int cpus = libbpf_num_possible_cpus();
  constants.capacity = static_cast<__u32>(capacity);
  constants.cpus = cpus > 0 && cpus <= kValuesMostCpus ? static_cast<__u32>(cpus) : 0;
  constants.walk_nsec = static_cast<__u64>(walk_time.count()) * 1000;
  constants.page_size = static_cast<__u32>(::sysconf(_SC_PAGESIZE));
  constants.frozen_bit = facts.frozen_bit;
  constants.css_online = facts.css_online;
  constants.css_visible = facts.css_visible;
  constants.flush_css = facts.flush_css ? 1 : 0;
  bpf_map__set_max_entries(made.skeleton->maps.records, static_cast<__u32>(capacity));
  if (const int status = cgroup_values_bpf::load(made.skeleton.get()); status != 0) {
    return refuse(-status, tree, "it needs CAP_BPF and CAP_PERFMON and a kernel from 6.1 on");
  }
  CGW_ASSIGN(const UniqueFd top, open_at(tree.root_fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  bpf_iter_link_info where{};
  where.cgroup.order = BPF_CGROUP_ITER_DESCENDANTS_PRE;
  where.cgroup.cgroup_fd = static_cast<__u32>(top.get());
  bpf_iter_attach_opts options{};
  options.sz = sizeof options;
  options.link_info = &where;
  options.link_info_len = sizeof where;
  made.link.reset(bpf_program__attach_iter(made.skeleton->progs.tell_values, &options));
  if (!made.link) return refuse(errno, tree, "the iterator does not take the cgroup");
  made.records = Mapping(bpf_map__fd(made.skeleton->maps.records), capacity);
  if (!made.records.valid()) return refuse(errno, tree, "its map cannot be had in memory");
  return made;
}

class CgroupIterator final : public ValueSource {
 public:
  CgroupIterator(const Tree& tree, const KernelFacts& facts, Program program, std::size_t most,
                 Usec walk_time)
      : tree_(tree),
        facts_(facts),
        program_(std::move(program)),
        most_(most),
        walk_time_(walk_time) {}

  Result<std::span<const CgroupValues>> read() override {
    longest_walk_ = Usec{0};
    CGW_TRY(walk_all());
    if (seen() > program_.capacity && program_.capacity < most_) {
      // Those that had no room are read from their files if this fails.
      const std::size_t room = std::min<std::size_t>(seen() + seen() / 4, most_);
      if (auto larger = load(tree_, facts_, room, walk_time_)) {
        program_ = *std::move(larger);
        CGW_TRY(walk_all());
      }
    }
    const std::size_t count = std::min<std::size_t>(seen(), program_.capacity);
    return std::span(program_.records.records(), count);
  }
  [[nodiscard]] Usec longest_walk() const override { return longest_walk_; }

 private:
  [[nodiscard]] std::uint32_t seen() const { return program_.skeleton->bss->seen; }

  // What is made and removed between two walks moves the others: one may be written twice, or not
  // at all.
  Status walk_all() {
    auto& state = *program_.skeleton->bss;
    state.written = 0;
    while (true) {
      const auto begun = std::chrono::steady_clock::now();
      CGW_TRY(walk());
      const auto took = std::chrono::steady_clock::now() - begun;
      longest_walk_ = std::max(longest_walk_, std::chrono::duration_cast<Usec>(took));
      if (state.cut == 0) return {};
      state.written = state.seen;
    }
  }

  Status walk() {
    program_.skeleton->bss->seen = 0;
    program_.skeleton->bss->cut = 0;
    const UniqueFd run(bpf_iter_create(bpf_link__fd(program_.link.get())));
    if (!run.valid()) return fail(Error::from_errno(errno, "walk", tree_.root()));
    char nothing = 0;  // the program prints no text
    ssize_t got = 0;
    do {
      got = ::read(run.get(), &nothing, sizeof nothing);
    } while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)));
    if (got < 0) return fail(Error::from_errno(errno, "walk", tree_.root()));
    return {};
  }

  const Tree& tree_;
  KernelFacts facts_;
  Program program_;
  std::size_t most_;
  Usec walk_time_;
  Usec longest_walk_{0};
};

}  // namespace

Result<std::unique_ptr<ValueSource>> open_cgroup_iterator(const Tree& tree, std::size_t records,
                                                          std::size_t most_records,
                                                          Usec walk_time) {
  // Reasons come back as errors; the verifier's log is for who changes the program.
  libbpf_set_print(nullptr);
  CGW_ASSIGN(const KernelFacts facts, kernel_facts(tree));
  CGW_ASSIGN(Program program, load(tree, facts, std::max<std::size_t>(records, 1), walk_time));
  return std::make_unique<CgroupIterator>(tree, facts, std::move(program), most_records, walk_time);
}

}  // namespace cgwarden::cgroup
