#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace cgwarden {

// What a caller can decide on. errno(3) values map onto these in Error::from_errno.
enum class ErrorKind {
  vanished,       // ENOENT, ENODEV: normal life of a cgroup or process that ended
  not_permitted,  // EPERM, EACCES, EROFS
  not_supported,  // EOPNOTSUPP, ENOSYS, ENOTTY: kernel or controller lacks it
  malformed,      // the text read is not in the format its specification gives
  invalid,        // EINVAL, ERANGE, or user input outside its range
  busy,           // EBUSY, EAGAIN, EEXIST, ENOTEMPTY
  io,             // everything else
};

// A failure as a value. `operation` is a verb ("open", "write"), `where` the object it was done to
// (path, or file:line:column), `detail` what to know or do. errno_value is 0 when no system call
// failed.
struct Error {
  ErrorKind kind = ErrorKind::io;
  int errno_value = 0;
  std::string operation;
  std::string where;
  std::string detail;

  // Maps an errno(3) value to its kind.
  [[nodiscard]] static Error from_errno(int errno_value, std::string operation, std::string where,
                                        std::string detail = {});
  [[nodiscard]] static Error malformed(std::string operation, std::string where,
                                       std::string detail);
  [[nodiscard]] static Error invalid(std::string operation, std::string where, std::string detail);

  // One sentence for a person: "cannot <operation> <where>: <strerror>; <detail>".
  [[nodiscard]] std::string sentence() const;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline std::unexpected<Error> fail(Error error) {
  return std::unexpected<Error>(std::move(error));
}

[[nodiscard]] std::string_view to_string(ErrorKind kind);

}  // namespace cgwarden

#define CGW_CONCAT_INNER(a, b) a##b
#define CGW_CONCAT(a, b) CGW_CONCAT_INNER(a, b)

// Returns the error of a Status expression to the caller.
#define CGW_TRY(expression)                                  \
  do {                                                       \
    if (auto cgw_status = (expression); !cgw_status)         \
      return std::unexpected(std::move(cgw_status).error()); \
  } while (false)

// CGW_ASSIGN(auto value, expression): declares or assigns `value`, or returns the error.
#define CGW_ASSIGN(declaration, expression) \
  CGW_ASSIGN_INNER(CGW_CONCAT(cgw_result_, __LINE__), declaration, expression)
// `declaration` is a declarator and cannot stand in parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define CGW_ASSIGN_INNER(result, declaration, expression)         \
  auto result = (expression);                                     \
  if (!result) return std::unexpected(std::move(result).error()); \
  declaration = *std::move(result)
// NOLINTEND(bugprone-macro-parentheses)
