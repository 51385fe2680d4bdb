#include "exporters/http_tls.h"

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "exporters/tls_suites.h"

namespace cgwarden::exporters {
namespace {

constexpr const char* kDefaultPriority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.3";

auto refused(int code, const char* what, const std::string& detail = {}) {
  return fail(Error::invalid(
      "use", what, std::string(::gnutls_strerror(code)) + (detail.empty() ? "" : "; " + detail)));
}

gnutls_datum_t datum(const std::string& text) {
  // GnuTLS does not write to its input; its interface predates const.
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())),
          static_cast<unsigned>(text.size())};
}

struct Certificate {
  Certificate() { ::gnutls_x509_crt_init(&crt); }
  ~Certificate() { ::gnutls_x509_crt_deinit(crt); }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;
  gnutls_x509_crt_t crt = nullptr;
};

// Of the first certificate; it has one.
ServerKey key_of(gnutls_certificate_credentials_t credentials) {
  gnutls_datum_t der{};
  const Certificate leaf;
  if (::gnutls_certificate_get_crt_raw(credentials, 0, 0, &der) < 0 ||
      ::gnutls_x509_crt_import(leaf.crt, &der, GNUTLS_X509_FMT_DER) < 0) {
    return ServerKey::rsa;
  }
  const int algorithm = ::gnutls_x509_crt_get_pk_algorithm(leaf.crt, nullptr);
  return algorithm == GNUTLS_PK_RSA || algorithm == GNUTLS_PK_RSA_PSS ? ServerKey::rsa
                                                                      : ServerKey::ecdsa;
}

// A subject alternative name as people write it.
std::string name_text(int type, std::string_view bytes) {
  if (type != GNUTLS_SAN_IPADDRESS) return std::string(bytes);
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
  if (bytes.size() != 4 && bytes.size() != 16) return {};
  return ::inet_ntop(family, bytes.data(), text.data(), text.size()) == nullptr ? "" : text.data();
}

bool has_one_of(const gnutls_datum_t& der, const std::vector<std::string>& wanted) {
  const Certificate leaf;
  if (::gnutls_x509_crt_import(leaf.crt, &der, GNUTLS_X509_FMT_DER) < 0) return false;
  for (unsigned index = 0;; ++index) {
    std::array<char, 1024> bytes{};
    std::size_t size = bytes.size();
    const int type =
        ::gnutls_x509_crt_get_subject_alt_name(leaf.crt, index, bytes.data(), &size, nullptr);
    if (type == GNUTLS_E_SHORT_MEMORY_BUFFER) continue;  // no name that anybody lists
    if (type < 0) return false;
    const std::string name = name_text(type, {bytes.data(), size});
    if (std::ranges::find(wanted, name) != wanted.end()) return true;
  }
}

}  // namespace

AnyFunction no_certificate() {
  const gnutls_certificate_retrieve_function2* none =
      [](gnutls_session_t, const gnutls_datum_t*, int, const gnutls_pk_algorithm_t*, int,
         gnutls_pcert_st**, unsigned*, gnutls_privkey_t*) { return -1; };
  return reinterpret_cast<AnyFunction>(none);
}

struct TlsContext::State {
  State() { ::gnutls_certificate_allocate_credentials(&credentials); }
  ~State() {
    ::gnutls_certificate_free_credentials(credentials);
    if (priority != nullptr) ::gnutls_priority_deinit(priority);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // Of the handshake; not 0 ends it.
  static int verify(gnutls_session_t session);

  gnutls_certificate_credentials_t credentials = nullptr;
  gnutls_priority_t priority = nullptr;
  ClientAuth auth = ClientAuth::none;
  std::vector<std::string> sans;
};

int TlsContext::State::verify(gnutls_session_t session) {
  const auto& state = *static_cast<const State*>(::gnutls_session_get_ptr(session));
  unsigned count = 0;
  const gnutls_datum_t* chain = ::gnutls_certificate_get_peers(session, &count);
  if (chain == nullptr || count == 0) {
    return state.auth == ClientAuth::require_any || state.auth == ClientAuth::require_and_verify
               ? -1
               : 0;
  }
  if (state.auth == ClientAuth::verify_if_given || state.auth == ClientAuth::require_and_verify) {
    std::string purpose = GNUTLS_KP_TLS_WWW_CLIENT;
    gnutls_typed_vdata_st wanted{GNUTLS_DT_KEY_PURPOSE_OID,
                                 reinterpret_cast<unsigned char*>(purpose.data()), 0};
    unsigned status = 0;
    if (::gnutls_certificate_verify_peers(session, &wanted, 1, &status) < 0 || status != 0) {
      return -1;
    }
  }
  return state.sans.empty() || has_one_of(chain[0], state.sans) ? 0 : -1;
}

Result<std::shared_ptr<const TlsContext>> TlsContext::create(const TlsSettings& settings) {
  const auto state = std::make_shared<State>();
  state->auth = settings.client_auth;
  state->sans = settings.client_sans;
  const gnutls_datum_t certificate = datum(settings.certificate);
  const gnutls_datum_t key = datum(settings.key);
  int code = ::gnutls_certificate_set_x509_key_mem(state->credentials, &certificate, &key,
                                                   GNUTLS_X509_FMT_PEM);
  if (code < 0) {
    return refused(code, "the certificate and key",
                   "both must be PEM, the key without a password and that of the certificate");
  }
  if (!settings.client_ca.empty()) {
    const gnutls_datum_t ca = datum(settings.client_ca);
    code = ::gnutls_certificate_set_x509_trust_mem(state->credentials, &ca, GNUTLS_X509_FMT_PEM);
    if (code < 0) return refused(code, "the client CA");
    if (code == 0) return fail(Error::invalid("use", "the client CA", "it has no certificate"));
  }
  std::string priority = settings.priority.empty() ? kDefaultPriority : settings.priority;
  if (!settings.suites.empty()) {
    const ServerKey kind = key_of(state->credentials);
    const auto suites = suites_priority(settings.suites, kind);
    if (!suites) {
      return fail(Error::invalid("use", "cipher_suites",
                                 kind == ServerKey::rsa
                                     ? "none of them is for the RSA key of the certificate"
                                     : "none of them is for the ECDSA key of the certificate"));
    }
    priority += *suites;
  }
  const char* at = nullptr;
  code = ::gnutls_priority_init(&state->priority, priority.c_str(), &at);
  if (code < 0) {
    return refused(code, "the TLS versions, curves and cipher suites", at == nullptr ? "" : at);
  }
  return std::shared_ptr<const TlsContext>(new TlsContext(state));
}

bool TlsContext::apply(void* session) const {
  auto* tls = static_cast<gnutls_session_t>(session);
  if (::gnutls_priority_set(tls, state_->priority) < 0) return false;
  if (::gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, state_->credentials) < 0) return false;
  switch (state_->auth) {
    case ClientAuth::none:
      ::gnutls_certificate_server_set_request(tls, GNUTLS_CERT_IGNORE);
      return true;
    case ClientAuth::request:
    case ClientAuth::verify_if_given:
      ::gnutls_certificate_server_set_request(tls, GNUTLS_CERT_REQUEST);
      break;
    case ClientAuth::require_any:
    case ClientAuth::require_and_verify:
      ::gnutls_certificate_server_set_request(tls, GNUTLS_CERT_REQUIRE);
      break;
  }
  ::gnutls_session_set_ptr(tls, const_cast<State*>(state_.get()));
  ::gnutls_session_set_verify_function(tls, &State::verify);
  return true;
}

}  // namespace cgwarden::exporters
