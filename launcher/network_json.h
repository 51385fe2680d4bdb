#pragma once

#include <nlohmann/json_fwd.hpp>

#include "launcher/network.h"
#include "launcher/network_request.h"
#include "launcher/object_reader.h"

// Parts of several JSON documents about networks.
namespace cgwarden::launcher {

[[nodiscard]] nlohmann::json network_json(const Network& network);
void read_network(ObjectReader& reader, Network& network);

[[nodiscard]] nlohmann::json mark_json(const ProcessMark& mark);
void read_mark(ObjectReader& reader, const char* name, ProcessMark& mark);

}  // namespace cgwarden::launcher
