#include "agent/image_import.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "agent/packaged_tool.h"
#include "agent/workload_files.h"
#include "base/file.h"
#include "base/text.h"
#include "policy/workload.h"

namespace cgwarden::agent {
namespace {

// Where a tool finds the source, whatever bytes its path has: descriptor 3 of the tool.
const std::string kSourcePath = "/proc/self/fd/3";

// "containers-storage:[overlay@ROOT+RUN:OPTION]": no mount is left behind by the storage library.
Result<std::string> storage(const std::string& state_dir, const std::string& runtime_dir) {
  const ImageStore store(state_dir);
  std::error_code error;
  const std::string run = std::filesystem::absolute(runtime_dir, error).string() + "/images";
  for (const std::string& path : {store.directory(), run}) {
    if (path.find_first_of("[]@+:,=\n") != std::string::npos) {
      return fail(Error::invalid("keep images in", printable(path),
                                 "skopeo takes no path with any of []@+:,= in it"));
    }
  }
  return "containers-storage:[overlay@" + store.directory() + "+" + run +
         ":overlay.skip_mount_home=true]";
}

Result<UniqueFd> open_source(const std::string& source) {
  UniqueFd fd(::open(source.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd.valid()) return fail(Error::from_errno(errno, "import", printable(source)));
  return fd;
}

Error no_image(const std::string& source, const char* why) {
  return Error::invalid("import", printable(source), why);
}

struct Packing {
  std::string_view magic;
  const char* program;
  const char* package;
};
using namespace std::string_view_literals;
constexpr std::array<Packing, 4> kPackings{{{"\x1f\x8b"sv, "gzip", "gzip"},
                                            {"\xfd"
                                             "7zXZ\0"sv,
                                             "xz", "xz-utils"},
                                            {"\x28\xb5\x2f\xfd"sv, "zstd", "zstd"},
                                            {"BZh"sv, "bzip2", "bzip2"}}};

// skopeo 1.9 takes `docker save` archives only as they are: a compressed one is unpacked into
// `scratch` first.
Status unpack_compressed(UniqueFd& source, const std::string& path, const std::string& scratch) {
  std::array<char, 6> head{};
  const ssize_t count = ::pread(source.get(), head.data(), head.size(), 0);
  const std::string_view start(head.data(), count < 0 ? 0 : static_cast<std::size_t>(count));
  for (const Packing& packing : kPackings) {
    if (!start.starts_with(packing.magic)) continue;
    CGW_ASSIGN(UniqueFd plain,
               open_at(AT_FDCWD, scratch + "/plain.tar", O_RDWR | O_CREAT | O_TRUNC, 0600));
    CGW_ASSIGN(const ToolResult done, run_tool({.package = packing.package,
                                                .words = {packing.program, "-dc", kSourcePath},
                                                .borrowed_fd = source.get(),
                                                .output_fd = plain.get()}));
    if (done.status != 0) {
      return fail(Error{
          ErrorKind::io, 0, "import", printable(path),
          std::string(packing.program) + " cannot unpack it: " + printable(trim(done.errors))});
    }
    source = std::move(plain);
    break;
  }
  return {};
}

// By what the archive has in it: docker save of today writes both kinds into one.
Result<std::string> transport_of_tarball(int fd, const std::string& source) {
  CGW_ASSIGN(const ToolResult listing,
             run_tool({.package = "tar", .words = {"tar", "-tf", kSourcePath}, .borrowed_fd = fd}));
  if (listing.status != 0) {
    return fail(no_image(source, "it is no directory and tar cannot read it"));
  }
  bool layout = false;
  for (std::string_view name : split(listing.output, '\n')) {
    if (name.starts_with("./")) name.remove_prefix(2);
    if (name == "manifest.json") return "docker-archive:";
    layout = layout || name == "oci-layout";
  }
  if (layout) return "oci-archive:";
  return fail(no_image(source,
                       "the archive has neither an oci-layout nor a manifest.json: it is "
                       "not an image; unpack a plain root file system and use rootfs"));
}

Result<std::string> transport_of(int fd, const std::string& source) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return fail(Error::from_errno(errno, "import", source));
  if (S_ISREG(status.st_mode)) return transport_of_tarball(fd, source);
  if (!S_ISDIR(status.st_mode)) {
    return fail(no_image(source, "it is neither a directory nor a file"));
  }
  if (::faccessat(fd, "oci-layout", F_OK, 0) == 0) return "oci:";
  return fail(no_image(source,
                       "the directory has no oci-layout; a plain root file system needs no "
                       "import: use rootfs or layers"));
}

// 'time="..." level=fatal msg="TEXT"' -> TEXT; anything else as it is.
std::string message_of(const std::string& output) {
  const auto lines = split(trim(output), '\n');
  std::string_view last = lines.empty() ? std::string_view() : lines.back();
  if (const std::size_t at = last.find("msg=\""); at != std::string_view::npos) {
    last.remove_prefix(at + 5);
    if (last.ends_with('"')) last.remove_suffix(1);
  }
  if (last.empty()) return "skopeo gave no reason";
  const bool several = last.find("choose an image") != std::string_view::npos;
  return "skopeo says: " + printable(last) + (several ? "; choose with --ref" : "");
}

// One import or removal at a time: temporary files of another would be taken for leftovers.
Result<UniqueFd> lock_store(const std::string& directory) {
  CGW_TRY(make_directories(directory, 0700));
  CGW_ASSIGN(UniqueFd lock, open_at(AT_FDCWD, directory + "/import.lock", O_RDWR | O_CREAT, 0600));
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return fail(Error::from_errno(errno, "lock", directory));
  }
  return lock;
}

Result<std::string> absolute_source(const std::string& source) {
  std::error_code error;
  const auto path = std::filesystem::absolute(source, error).lexically_normal();
  if (error) return fail(Error::from_errno(error.value(), "import", printable(source)));
  std::string text = path.string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

Status copy_into_store(const ImportRequest& request, const std::string& name, UniqueFd fd,
                       const std::string& scratch) {
  CGW_TRY(unpack_compressed(fd, request.source, scratch));
  CGW_ASSIGN(const std::string transport, transport_of(fd.get(), request.source));
  CGW_ASSIGN(const std::string target, storage(request.state_dir, request.runtime_dir));
  std::string from = transport + kSourcePath;
  if (!request.reference.empty()) from += ":" + request.reference;
  const auto done = run_tool({.package = "skopeo",
                              .words = {"skopeo", "--insecure-policy", "--tmpdir", scratch, "copy",
                                        "--quiet", from, target + "localhost/" + name + ":latest"},
                              .borrowed_fd = fd.get()});
  if (!done) return fail(done.error());
  if (done->status == 0) return {};
  return fail(
      Error{ErrorKind::io, 0, "import", printable(request.source), message_of(done->errors)});
}

// Whoever has it by its id: a name may mean another image by now.
Status not_in_use(const std::string& runtime_dir, const Image& image) {
  CGW_ASSIGN(const auto names, list_workload_names(runtime_dir));
  for (const auto& name : names) {
    const auto files = read_workload_files(runtime_dir, name);
    if (files && files->note && files->note->image == image.id) {
      return fail(Error{ErrorKind::busy, 0, "remove the image",
                        image.names.empty() ? image.id : image.names.front(),
                        "the workload " + name + " has it; remove that first"});
    }
  }
  return {};
}

}  // namespace

std::string name_of(const std::string& source) {
  std::string stem = std::filesystem::path(source).filename().string();
  for (const char* suffix : {".gz", ".xz", ".zst", ".bz2", ".tar", ".tgz", ".oci"}) {
    if (stem.ends_with(suffix)) stem.resize(stem.size() - std::string_view(suffix).size());
  }
  std::string name;
  for (const char c : stem) {
    const char lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const bool word = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    const bool joint = !name.empty() && name.back() != '-' && name.back() != '.';
    if (word) {
      name += lower;
    } else if (joint) {
      name += lower == '.' ? '.' : '-';
    }
  }
  while (!name.empty() && (name.back() == '-' || name.back() == '.')) name.pop_back();
  return policy::valid_workload_name(name) ? name : "image";
}

Result<Image> import_image(const ImportRequest& request) {
  const std::string name = request.name.empty() ? name_of(request.source) : request.name;
  if (!policy::valid_workload_name(name)) {
    return fail(Error::invalid("call an image", printable(name),
                               "a name has up to 64 lower-case letters, digits, \"-\" and \".\""));
  }
  const ImageStore store(request.state_dir);
  CGW_ASSIGN(const std::string source, absolute_source(request.source));
  CGW_ASSIGN(UniqueFd fd, open_source(source));
  CGW_ASSIGN(const UniqueFd lock, lock_store(store.directory()));
  const std::string scratch = store.directory() + "/scratch";
  std::error_code ignored;
  std::filesystem::remove_all(scratch, ignored);  // of an import that was killed
  CGW_TRY(make_directories(scratch, 0700));
  const Status copied = copy_into_store(request, name, std::move(fd), scratch);
  std::filesystem::remove_all(scratch, ignored);
  CGW_TRY(copied);
  CGW_ASSIGN(Image image, store.find(name));
  CGW_ASSIGN([[maybe_unused]] const ImageConfig config, store.config_of(image));
  CGW_TRY(store.note_source(source, image.id));
  return image;
}

Status ensure_image(const std::string& state_dir, const std::string& runtime_dir,
                    const std::string& image) {
  if (image.find('/') == std::string::npos) return {};
  const auto found = ImageStore(state_dir).find(image);
  if (found || found.error().kind != ErrorKind::vanished) {
    return found ? Status{} : fail(found.error());
  }
  const auto imported = import_image({.state_dir = state_dir,
                                      .runtime_dir = runtime_dir,
                                      .source = image,
                                      .reference = {},
                                      .name = {}});
  return imported ? Status{} : fail(imported.error());
}

Status remove_image(const std::string& state_dir, const std::string& runtime_dir,
                    const std::string& wanted) {
  const ImageStore store(state_dir);
  CGW_ASSIGN(const Image image, store.find(wanted));
  CGW_TRY(not_in_use(runtime_dir, image));
  CGW_ASSIGN(const UniqueFd lock, lock_store(store.directory()));
  CGW_ASSIGN(const std::string where, storage(state_dir, runtime_dir));
  CGW_ASSIGN(
      const ToolResult done,
      run_tool({.package = "skopeo", .words = {"skopeo", "delete", where + "@" + image.id}}));
  if (done.status == 0) return {};
  return fail(
      Error{ErrorKind::io, 0, "remove the image", printable(wanted), message_of(done.errors)});
}

}  // namespace cgwarden::agent
