#include "launcher/oci/listener.h"

#include "launcher/seccomp_config.h"

namespace cgwarden::launcher::oci {

Step hand_over_listener(const Spec& spec, const ContainerRecord& record, pid_t pid,
                        const UniqueFd& listener) {
  if (!spec.seccomp_config) return refused("seccomp", "a listener without linux.seccomp");
  const auto status = record.started ? ContainerStatus::running : ContainerStatus::creating;
  CGW_ASSIGN(const std::string state,
             seccomp_process_state(*spec.seccomp_config, pid, state_json(record, status)));
  return send_seccomp_listener(spec.seccomp_config->listener_path, listener.get(), state);
}

}  // namespace cgwarden::launcher::oci
