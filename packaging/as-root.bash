# shellcheck shell=bash
# Sourced by ./check, ./demo and install-build-deps, which define `fail SENTENCE`.

# sudo drops these: without the proxies apt and the VM reach no network, without HOME root gets a cache of its own.
readonly kept_through_sudo=http_proxy,https_proxy,no_proxy,HTTP_PROXY,HTTPS_PROXY,NO_PROXY,HOME,XDG_CACHE_HOME,DEBIAN_FRONTEND,NO_COLOR,CGWARDEN_VM_CACHE,CGWARDEN_VM_ACCEL,CGWARDEN_BUILD_DIR,PROMTOOL

# as_root COMMAND...: by sudo when needed.
as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo --preserve-env="$kept_through_sudo" "$@"
  else
    fail "only root can run ${1##*/}: run this as root or install sudo"
  fi
}

# Signals then reach the command and not only this script.
exec_as_root() {
  [[ $EUID -ne 0 ]] || exec "$@"
  exec sudo --preserve-env="$kept_through_sudo" "$@"
}

# Before the first sudo: a cache directory that root makes is closed to the user's own ccache.
make_cache_directory() {
  mkdir -p "${XDG_CACHE_HOME:-$HOME/.cache}/cgwarden"
}
