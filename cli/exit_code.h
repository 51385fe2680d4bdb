#pragma once

// Exit codes of every command (cgwarden(1), EXIT STATUS).
namespace cgwarden::cli {

inline constexpr int kOk = 0;
inline constexpr int kRuntime = 1;
inline constexpr int kUsage = 2;
inline constexpr int kNoSuchWorkload = 3;
inline constexpr int kVerdictUnknown = 4;
// A run in the foreground that could not start its command, as env(1), docker and podman say it;
// 126 and 127 are the command's file.
inline constexpr int kForegroundFailed = 125;
// `policy plan` only; its wrong usage is kRuntime.
inline constexpr int kChangesPending = 2;

}  // namespace cgwarden::cli
