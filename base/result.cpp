#include "base/result.h"

#include <cerrno>
#include <cstring>

namespace cgwarden {
namespace {

ErrorKind kind_of(int errno_value) {
  switch (errno_value) {
    case ENOENT:
    case ENODEV:
    case ESRCH:
      return ErrorKind::vanished;
    case EPERM:
    case EACCES:
    case EROFS:
      return ErrorKind::not_permitted;
    case EOPNOTSUPP:
    case ENOSYS:
    case ENOTTY:
      return ErrorKind::not_supported;
    case EINVAL:
    case ERANGE:
      return ErrorKind::invalid;
    case EBUSY:
    case EAGAIN:
    case EEXIST:
    case ENOTEMPTY:
      return ErrorKind::busy;
    default:
      return ErrorKind::io;
  }
}

}  // namespace

Error Error::from_errno(int errno_value, std::string operation, std::string where,
                        std::string detail) {
  return Error{kind_of(errno_value), errno_value, std::move(operation), std::move(where),
               std::move(detail)};
}

Error Error::malformed(std::string operation, std::string where, std::string detail) {
  return Error{ErrorKind::malformed, 0, std::move(operation), std::move(where), std::move(detail)};
}

Error Error::invalid(std::string operation, std::string where, std::string detail) {
  return Error{ErrorKind::invalid, 0, std::move(operation), std::move(where), std::move(detail)};
}

std::string Error::sentence() const {
  std::string text = "cannot " + operation;
  if (!where.empty()) text += " " + where;
  if (errno_value != 0) {
    text += ": ";
    text += std::strerror(errno_value);
  }
  if (!detail.empty()) text += (errno_value != 0 ? "; " : ": ") + detail;
  return text;
}

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::vanished:
      return "vanished";
    case ErrorKind::not_permitted:
      return "not_permitted";
    case ErrorKind::not_supported:
      return "not_supported";
    case ErrorKind::malformed:
      return "malformed";
    case ErrorKind::invalid:
      return "invalid";
    case ErrorKind::busy:
      return "busy";
    case ErrorKind::io:
      return "io";
  }
  return "io";
}

}  // namespace cgwarden
