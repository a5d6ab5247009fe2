# shellcheck shell=bash
# What `run` and `test` share: installing what is missing on this machine, and building. Sourced, never executed.
# Expects `set -euo pipefail` and `root`, the folder of the clone.
: "${root:?}"

say() {
    if [[ -t 2 ]]; then printf '\033[1m%s\033[0m\n' "$*" >&2; else printf '%s\n' "$*" >&2; fi
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

has() {
    command -v "$1" >/dev/null
}

as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# need PROGRAM=PACKAGE…: installs the Debian packages of those programs that are not there.
# Asks for all of them at once, so that a machine without apt is told everything in one sentence.
need() {
    local pair packages=()
    for pair in "$@"; do
        has "${pair%%=*}" || packages+=("${pair#*=}")
    done
    ((${#packages[@]} == 0)) || install_packages "${packages[@]}"
}

install_packages() {
    local command="apt-get install $*"
    has apt-get || fail "this machine lacks: $*. Install them with its own package manager (on Debian: $command), then start again"
    ((EUID == 0)) || has sudo || fail "this machine lacks: $*. As root, run: $command; then start again"
    say "installing $*"
    as_root apt-get -q update
    # A fresh machine often installs its first updates by itself: its lock is waited for.
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}

# What a build needs and what every part of vultus needs at run time.
need_for_build() {
    has cargo || fail "there is no cargo: install a Rust toolchain with rustup (rust-lang.org), open a new shell, then start again"
    need ffmpeg=ffmpeg cmake=cmake nasm=nasm cc=build-essential c++=build-essential
}

# build PACKAGE_ARGUMENT…: in the clone, so that its .cargo and lock file count, wherever the caller stands.
build() {
    (cd "$root" && cargo build --release --locked "$@")
}

# The binary that `build` makes: users may have moved cargo's target folder.
built_binary() {
    local target
    target=$(cd "$root" && cargo metadata --format-version 1 --no-deps --offline --locked |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    printf '%s/release/vultus' "${target:-$root/target}"
}
