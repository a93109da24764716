# shellcheck shell=bash
# Installs what the build needs where it is missing, and says nothing where all is there. Sourced by the other scripts.
#
# For Debian and its relatives. Elsewhere it names what is missing and stops.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# One target folder for all, so that RocksDB is compiled once.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/selvedge/target}"
# Where rustup puts cargo when nobody told the shell.
export PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
# CPU-minutes that compiling RocksDB takes.
rocksdb_minutes=24

say() { printf 'selvedge: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

# Where LLVM puts the library, on Debian and elsewhere.
have_libclang() {
    compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null || compgen -G '/usr/lib*/libclang*.so*' >/dev/null
}

as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "installing packages needs root or sudo; as root: $*"
    fi
}

# Installs Debian packages; the output shows only where it fails.
install_packages() {
    command -v apt-get >/dev/null || die "missing: $*. This script installs packages on Debian only; install them and start again"
    say "installing $*"
    local log
    log="$(mktemp)"
    if ! { as_root apt-get update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        die "apt-get could not install $*"
    fi
    rm -f "$log"
}

# A C++ compiler and make for RocksDB and jemalloc, libclang for RocksDB's bindings.
prepare_packages() {
    local missing=()
    if ! command -v c++ >/dev/null || ! command -v make >/dev/null; then
        missing+=(build-essential)
    fi
    if [[ -z "${LIBCLANG_PATH:-}" ]] && ! have_libclang; then
        missing+=(libclang-dev)
    fi
    command -v clang >/dev/null || missing+=(clang)
    command -v git >/dev/null || missing+=(git)
    command -v curl >/dev/null || missing+=(curl ca-certificates)
    # The tests of TLS make certificates with it, and connect with it.
    command -v openssl >/dev/null || missing+=(openssl)
    [[ ${#missing[@]} -eq 0 ]] || install_packages "${missing[@]}"
}

# The toolchain that rust-toolchain.toml names.
prepare_rust() {
    local channel version
    channel="$(sed -n 's/^channel = "\(.*\)"$/\1/p' "$root/rust-toolchain.toml")"
    if ! command -v rustup >/dev/null; then
        version="$(cargo --version 2>/dev/null | cut -d' ' -f2 || true)"
        # A cargo without rustup serves if it is the right one, with everything that the tests call.
        if [[ "$version" == "$channel" ]] && cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1; then
            return
        fi
        if command -v apt-cache >/dev/null && apt-cache show rustup >/dev/null 2>&1; then
            install_packages rustup
        else
            say "installing rustup"
            curl --proto '=https' --tlsv1.2 --silent --show-error --fail https://sh.rustup.rs |
                sh -s -- -y --quiet --no-modify-path --profile minimal --default-toolchain none ||
                die "rustup could not be installed; see https://rustup.rs"
        fi
        hash -r
    fi
    if ! (cd "$root" && rustup run "$channel" cargo fmt --version && rustup run "$channel" cargo clippy --version) >/dev/null 2>&1; then
        say "installing Rust $channel"
        rustup toolchain install "$channel" --profile minimal --component clippy --component rustfmt >&2 ||
            die "rustup could not install Rust $channel"
    fi
}

# Node.js and the clients that the tests run, as package-lock.json has them.
prepare_node() {
    local missing=()
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    [[ ${#missing[@]} -eq 0 ]] || install_packages "${missing[@]}"
    # npm writes its own lock into node_modules: older than ours means that ours has changed since.
    if [[ ! "$root/node_modules/.package-lock.json" -nt "$root/package-lock.json" ]]; then
        (cd "$root" && npm ci --no-audit --no-fund --loglevel=error >&2) || die "npm ci failed"
    fi
}

# Says how long a first build takes, where this is one.
announce_build() {
    if ! compgen -G "$CARGO_TARGET_DIR/release/build/librocksdb-sys-*/out/librocksdb.a" >/dev/null; then
        local cores
        cores="$(nproc)"
        say "the first build compiles RocksDB, about $((rocksdb_minutes / cores + 3)) minutes on $cores cores; later ones take seconds"
    fi
}
