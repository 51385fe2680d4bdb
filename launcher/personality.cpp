#include <sys/personality.h>

#include "launcher/process_attributes.h"

namespace cgwarden::launcher {

Step set_personality(const Spec& spec) {
  if (!spec.personality) return {};
  const std::string& domain = spec.personality->domain;
  unsigned long value = PER_LINUX;
  if (domain == "LINUX32") {
    value = PER_LINUX32;
  } else if (domain != "LINUX") {
    return refused("personality", "\"" + domain + "\" is not an execution domain");
  }
  if (::personality(value) < 0) return failed("personality", domain);
  return {};
}

}  // namespace cgwarden::launcher
