# shellcheck shell=bash
# What ./scripts/demo and ./scripts/test share: make the machine ready, then `.venv`.
#
# Each need is a check and the packages that meet it. Only what a check misses is installed, by
# the system's package manager and after saying so; where everything is there, no package manager
# is asked at all. What pip did is remembered in a stamp, so that a second run starts at once.
#
# PYTHON=… chooses the interpreter that `.venv` is made with.

say() { printf '\033[1m» %s\033[0m\n' "$*" >&2; }

fail() {
    printf '\033[1;31m✗ %s\033[0m\n' "$*" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# --- the system -----------------------------------------------------------------------------

manager() {
    local name
    for name in apt-get dnf pacman brew; do
        if has "$name"; then
            echo "$name"
            return
        fi
    done
    echo none
}

# packages NEED: what the package manager of this system calls it.
packages() {
    case "$(manager):$1" in
        apt-get:compiler) echo gcc libc6-dev ;;
        dnf:compiler | pacman:compiler | brew:compiler) echo gcc ;;
        apt-get:pkg-config) echo pkg-config ;;
        dnf:pkg-config) echo pkgconf-pkg-config ;;
        pacman:pkg-config | brew:pkg-config) echo pkgconf ;;
        apt-get:libvirt-headers) echo libvirt-dev ;;
        dnf:libvirt-headers) echo libvirt-devel ;;
        pacman:libvirt-headers | brew:libvirt-headers) echo libvirt ;;
        apt-get:python) echo python3 python3-dev python3-venv ;;
        dnf:python) echo python3 python3-devel ;;
        pacman:python | brew:python) echo python ;;
        apt-get:libvirtd) echo libvirt-daemon ;;
        dnf:libvirtd) echo libvirt-daemon ;;
        pacman:libvirtd | brew:libvirtd) echo libvirt ;;
        apt-get:qemu-driver | dnf:qemu-driver) echo libvirt-daemon-driver-qemu ;;
        pacman:qemu-driver | brew:qemu-driver) echo libvirt ;;
        apt-get:qemu) echo qemu-system-x86 ;;
        dnf:qemu) echo qemu-system-x86-core ;;
        pacman:qemu) echo qemu-system-x86 ;;
        brew:qemu) echo qemu ;;
    esac
}

# met NEED: whether it is there, however it came there.
met() {
    case "$1" in
        compiler) has cc && printf '#include <stdio.h>\n' | cc -E - >/dev/null 2>&1 ;;
        pkg-config) has pkg-config ;;
        libvirt-headers) pkg-config --exists libvirt 2>/dev/null ;;
        python) [ -n "$(find_python)" ] ;;
        libvirtd) has libvirtd ;;
        qemu-driver) qemu_driver ;;
        qemu) has qemu-system-x86_64 ;;
    esac
}

# libvirtd loads its QEMU driver from a file of its own, in most systems' libraries.
qemu_driver() {
    compgen -G '/usr/lib*/libvirt/connection-driver/libvirt_driver_qemu.so' >/dev/null ||
        compgen -G '/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so' >/dev/null ||
        compgen -G '/usr/local/lib*/libvirt/connection-driver/libvirt_driver_qemu.so' >/dev/null ||
        compgen -G '/opt/homebrew/opt/libvirt/lib/libvirt/connection-driver/libvirt_driver_qemu.*' >/dev/null
}

may_install() { [ "$(id -u)" -eq 0 ] || has sudo || [ "$(manager)" = brew ]; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_packages() {
    case "$(manager)" in
        apt-get)
            as_root apt-get update -qq
            as_root env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y -qq --no-install-recommends "$@"
            ;;
        dnf) as_root dnf install -y --setopt=install_weak_deps=False "$@" ;;
        pacman) as_root pacman -Sy --needed --noconfirm "$@" ;;
        brew) brew install "$@" ;;
    esac
}

# need NEED…: install what is not there.
need() {
    local one missing=() wanted=()
    for one in "$@"; do
        met "$one" || missing+=("$one")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(manager)" != none ] ||
        fail "This system's package manager is not known here (apt, dnf, pacman, brew are)." \
            "Please install by hand, then run this again: ${missing[*]}"
    for one in "${missing[@]}"; do
        # shellcheck disable=SC2207 # the names are words
        wanted+=($(packages "$one"))
    done
    may_install || fail "Neither root nor sudo here. Please have these installed with $(manager)," \
        "then run this again: ${wanted[*]}"
    say "Installing system packages with $(manager): ${wanted[*]}"
    install_packages "${wanted[@]}" || fail "The package manager failed; its message is above."
    hash -r
    for one in "${missing[@]}"; do
        met "$one" || [ "$one" = python ] || fail "Installed, but still not usable: $one"
    done
}

# --- Python ---------------------------------------------------------------------------------

# A name on PATH proves nothing (pyenv leaves names that only fail), so each is tried; and it is
# of use only with venv, and with the headers to compile libvirt-python against.
find_python() {
    local name
    for name in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        if has "$name" && "$name" - >/dev/null 2>&1 <<'PYTHON'; then
import ensurepip, pathlib, sys, sysconfig, venv
header = pathlib.Path(sysconfig.get_path("include"), "Python.h")
sys.exit(sys.version_info < (3, 11) or not header.exists())
PYTHON
            command -v "$name"
            return
        fi
    done
}

# Where the system's own python3 is too old there may be a newer one beside it.
check_python() {
    if ! met python && [ "$(manager)" = apt-get ]; then
        say "python3 is too old; installing python3.11 beside it"
        install_packages python3.11 python3.11-dev python3.11-venv || true
    fi
    met python || fail "No Python 3.11 or newer with venv and headers was found" \
        "(PYTHON=/path/to/python3 chooses one)."
}

# stamp KIND: what an installation depends on. An environment cannot be moved, hence the folder.
stamp() {
    printf '%s\n' "$1" "$PWD" "$(cksum <pyproject.toml)" "$(.venv/bin/python -V 2>&1)"
}

is_set_up() {
    [ -f ".venv/.set-up-$1" ] && [ "$(cat ".venv/.set-up-$1")" = "$(stamp "$1")" ] &&
        .venv/bin/python -c 'import libvirt' 2>/dev/null
}

make_environment() {
    local python
    .venv/bin/python -m pip --version >/dev/null 2>&1 && return
    python=$(find_python)
    say "Making .venv with $("$python" -V) ($python)"
    "$python" -m venv --clear .venv
}

# set_up KIND [PIP ARGUMENT…]: have the project in .venv, and what the arguments add.
set_up() {
    local kind=$1 needs=(pkg-config compiler libvirt-headers)
    shift
    if is_set_up "$kind"; then return; fi
    [ -x .venv/bin/python ] || needs+=(python)
    need "${needs[@]}"
    [ -x .venv/bin/python ] || check_python
    make_environment
    say "Installing virtinformer into .venv"
    .venv/bin/python -m pip install --quiet --upgrade 'pip>=25.1' # the first with --group
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[cli]' "$@"
    stamp "$kind" >".venv/.set-up-$kind"
}
