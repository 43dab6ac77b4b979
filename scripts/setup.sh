# Sourced by test.sh and demo.sh: installs what they need. Debian 12 with Node 20 and npm is enough.
set -eu
cd "$(dirname "$0")/.."
ROOT=$PWD
# Package and a program of it; one a line, so that lists grow side by side.
PACKAGES="
  attr:setfattr
  bind9-dnsutils:dig
  curl:curl
  dnsmasq-base:dnsmasq
  dosfstools:mkfs.fat
  dropbear-bin:dropbear
  e2fsprogs:lsattr
  exfat-fuse:mount.exfat-fuse
  exfatprogs:mkfs.exfat
  fdisk:sfdisk
  fuse3:fusermount3
  gcc:gcc
  gdisk:sgdisk
  genisoimage:genisoimage
  git:git
  golang-go:go
  iperf3:iperf3
  iproute2:ip
  iputils-ping:ping
  libc6-dev:gcc
  mtools:mcopy
  net-tools:netstat
  nbdkit:nbdkit
  nginx-light:nginx
  openssh-client:ssh-keygen
  openssl:openssl
  procps:sysctl
  python3:python3
  qemu-utils:qemu-img
  socat:socat
  sqlite3:sqlite3
  squashfs-tools:mksquashfs
  tcpdump:tcpdump
  telnet:telnet
  tshark:tshark
  util-linux:taskset
  wget:wget
  xorriso:xorriso
  xz-utils:xz
  zisofs-tools:mkzftree
"
# Debian has it for this processor only.
[ "$(uname -m)" != x86_64 ] || PACKAGES="$PACKAGES user-mode-linux:linux.uml busybox-static:busybox"

say() { printf '%s\n' "$*" >&2; }

npm_packages() {
  stamp=node_modules/.package-lock.json
  if [ ! -e "$stamp" ] || [ package-lock.json -nt "$stamp" ]; then
    say "installing npm packages ..."
    # Not `npm ci`: it refuses a lock made where the registry has not every platform's binaries.
    npm install --no-save --no-audit --no-fund --loglevel=error >&2
    touch "$stamp"
  fi
  # npm 11 does not run install scripts by itself: bun and deno link their binary in theirs.
  for tool in bun deno; do
    node_modules/.bin/$tool --version >/dev/null 2>&1 || npm rebuild --foreground-scripts --loglevel=error $tool >&2 || true
    if ! node_modules/.bin/$tool --version >/dev/null 2>&1; then
      script=$(ls node_modules/$tool/install.js node_modules/$tool/install.cjs 2>/dev/null | head -n 1)
      (cd node_modules/$tool && node "$ROOT/$script" >&2)
    fi
    node_modules/.bin/$tool --version >/dev/null || { say "setup: $tool cannot be run"; exit 1; }
  done
}

debian_packages() {
  missing=
  for entry in $PACKAGES; do
    command -v "${entry#*:}" >/dev/null 2>&1 || [ -x "/sbin/${entry#*:}" ] || missing="$missing ${entry%%:*}"
  done
  [ -z "$missing" ] && return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "installing Debian packages:$missing ..."
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >/dev/null 2>&1 ||
      say "setup: apt-get could not install$missing"
  else
    say "setup: missing, and not root to install it:$missing"
  fi
  if [ "${CI:-}" = true ]; then
    for entry in $PACKAGES; do
      command -v "${entry#*:}" >/dev/null 2>&1 || [ -x "/sbin/${entry#*:}" ] || { say "setup: ${entry#*:} is needed"; exit 1; }
    done
  fi
}

npm_packages
debian_packages
PATH=$ROOT/node_modules/.bin:$PATH:/sbin:/usr/sbin
export PATH
