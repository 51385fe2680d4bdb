#pragma once

#include <memory>

#include "base/result.h"
#include "exporters/web_security.h"

namespace cgwarden::exporters {

// For a libmicrohttpd that has no certificate of its own: a gnutls_certificate_retrieve_function2
// that finds none.
using AnyFunction = void (*)();
[[nodiscard]] AnyFunction no_certificate();

// Certificates and rules of the TLS sessions of one configuration. Immutable; must outlive the
// sessions it was applied to.
class TlsContext {
 public:
  // invalid, naming the part: a certificate or key that is not PEM, that do not belong together, or
  // a priority GnuTLS does not know.
  [[nodiscard]] static Result<std::shared_ptr<const TlsContext>> create(
      const TlsSettings& settings);

  // `session` is the gnutls_session_t of a server before its handshake; takes the place of the
  // credentials it has. False when GnuTLS refuses.
  [[nodiscard]] bool apply(void* session) const;

 private:
  struct State;
  explicit TlsContext(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace cgwarden::exporters
