#include "launcher/network_nftables.h"

#include <nftables/libnftables.h>

#include <memory>
#include <string_view>

namespace cgwarden::launcher {
namespace {

struct FreeContext {
  void operator()(nft_ctx* context) const { nft_ctx_free(context); }
};

// "Error: Could not process rule: Operation not permitted" without what nft points at.
std::string first_line(std::string_view text) {
  constexpr std::string_view kPrefix = "Error: ";
  const std::size_t at = text.find(kPrefix);
  if (at != std::string_view::npos) text.remove_prefix(at + kPrefix.size());
  return std::string(text.substr(0, text.find('\n')));
}

// libnftables has texts, no codes.
std::string remedy(std::string_view message) {
  if (message.find("not permitted") != std::string_view::npos) {
    return " (CAP_NET_ADMIN is needed: be root)";
  }
  if (message.find("No such file") != std::string_view::npos ||
      message.find("not supported") != std::string_view::npos) {
    return " (the kernel lacks a part of nftables; load the modules nf_tables, nft_chain_nat, "
           "nft_masq, nft_fib_inet and nft_ct)";
  }
  return {};
}

}  // namespace

Step run_nftables(const std::string& commands) {
  const std::unique_ptr<nft_ctx, FreeContext> context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (!context || nft_ctx_buffer_error(context.get()) != 0 ||
      nft_ctx_buffer_output(context.get()) != 0) {
    return refused("network", "libnftables cannot be started");
  }
  if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) == 0) return {};
  const std::string message = first_line(nft_ctx_get_error_buffer(context.get()));
  return refused("network", "nftables refused the rules: " + message + remedy(message));
}

}  // namespace cgwarden::launcher
