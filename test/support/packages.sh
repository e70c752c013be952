#!/usr/bin/env bash
# Install the Debian packages that a step needs: packages.sh build|test|demo
#
# Sourced, it gives ensure_packages, as_root and pg_major to the caller. It adds no cluster, starts no server, and stops
# before apt would replace the binaries of a PostgreSQL server that is running. All present: no apt, no root, no output.
# Environment: PG_CONFIG chooses the server to build against; without it, the one installed, else the newest of 15..18.

OLDEST_SERVER=15
NEWEST_SERVER=18

say() { printf '==> %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Run a command as root: as it is when we are root, through sudo otherwise.
as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "root is needed for: $*  (run as root, or install sudo)"
    fi
}

apt_quiet() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
        -o Dpkg::Options::=--force-confold "$@"
}

# Print the pg_config to build with: $PG_CONFIG, that of the newest installed server, else the one on the PATH.
pg_config_path() {
    local path
    if [[ -n ${PG_CONFIG:-} ]]; then
        printf '%s\n' "$PG_CONFIG"
        return 0 # in an EXIT trap a bare return gives the status of the script
    fi
    path=$(printf '%s\n' /usr/lib/postgresql/*/bin/pg_config | sort -V | tail -n 1)
    [[ -x $path ]] || path=$(command -v pg_config) || return 1
    printf '%s\n' "$path"
}

# Print the major version of the server that is or will be built against; empty when apt knows none.
pg_major() {
    local config newest
    if config=$(pg_config_path) && [[ $config == /usr/lib/postgresql/* || -n ${PG_CONFIG:-} ]]; then
        "$config" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/'
        return
    fi
    newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sed -nE 's|.*/([0-9]+)/bin/postgres$|\1|p' | sort -n | tail -n 1)
    [[ -n $newest ]] || newest=$(apt-cache search --names-only '^postgresql-server-dev-[0-9]+$' |
        sed -E 's/^postgresql-server-dev-([0-9]+) .*/\1/' |
        awk -v low="$OLDEST_SERVER" -v high="$NEWEST_SERVER" '$1 >= low && $1 <= high' | sort -n | tail -n 1)
    printf '%s\n' "$newest"
}

# Print the compiler packages for the fuzzers: clang 14 where the release has it, its default clang elsewhere.
clang_packages() {
    if dpkg-query -W -f='${db:Status-Status}\n' clang-14 2>/dev/null | grep -qx installed ||
        apt-cache show clang-14 >/dev/null 2>&1; then
        printf '%s\n' clang-14 libclang-rt-14-dev
    else
        printf '%s\n' clang libclang-rt-dev
    fi
}

# Print the package with the headers of Boost that the gateway needs, 1.81 or later: Debian 12 has 1.74 as its default and
# 1.81 beside it, later releases a newer default. Nothing where apt knows none.
boost_package() {
    local version
    if dpkg-query -W -f='${db:Status-Status}\n' libboost1.81-dev 2>/dev/null | grep -qx installed ||
        apt-cache show libboost1.81-dev >/dev/null 2>&1; then
        printf '%s\n' libboost1.81-dev
        return
    fi
    version=$(apt-cache show libboost-dev 2>/dev/null | sed -nE 's/^Version: ([0-9]+\.[0-9]+).*/\1/p' | sort -V | tail -n 1) || true
    if [[ -n $version && $(printf '%s\n' 1.81 "$version" | sort -V | head -n 1) == 1.81 ]]; then printf '%s\n' libboost-dev; fi
}

# Print, a line each, the packages of a step (build, test or demo) for a server's major version.
package_list() {
    local step=$1 major=$2
    printf '%s\n' ca-certificates g++ make "postgresql-$major" "postgresql-server-dev-$major" libcurl4-openssl-dev libpq-dev \
        nlohmann-json3-dev libssl-dev libsystemd-dev
    case $step in
        build) ;;
        demo) printf '%s\n' "postgresql-$major-cron" python3 ;;
        test)
            printf '%s\n' "postgresql-$major-cron" "postgresql-$major-pgtap" "postgresql-$major-plpgsql-check" \
                libgtest-dev python3 openssl unixodbc odbc-postgresql python3-pyodbc python3-jsonschema curl
            clang_packages
            ;;
        *) die "unknown step '$step': build, test or demo" ;;
    esac
    boost_package
}

# Print those of the named packages that are not installed.
missing_packages() {
    local name
    for name in "$@"; do
        dpkg-query -W -f='${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || printf '%s\n' "$name"
    done
}

# Print the major versions of the PostgreSQL servers that run on this machine, whoever started them.
running_servers() {
    # shellcheck disable=SC2016  # the inner shell expands it
    as_root sh -c 'for exe in /proc/[0-9]*/exe; do readlink "$exe"; done' 2>/dev/null |
        sed -nE 's|^/usr/lib/postgresql/([0-9]+)/bin/postgres( \(deleted\))?$|\1|p' | sort -un || true
}

# Stop with a clear word when installing the named packages would upgrade a server that is running.
refuse_server_upgrade() {
    local plan major
    plan=$(apt-get -s -o Debug::NoLocking=true install --no-install-recommends "$@" 2>/dev/null) || return 0
    # "Inst NAME [old version] (new ...)": the bracket is there for upgrades only.
    grep -qE '^Inst postgresql-[0-9]+ \[' <<<"$plan" || return 0
    while read -r major; do
        if grep -qE "^Inst postgresql-$major \[" <<<"$plan"; then
            die "installing $* would upgrade PostgreSQL $major, and a PostgreSQL $major server is running here." \
                "Nothing was changed. Upgrade it yourself at a good moment (apt-get install postgresql-$major), then run this again."
        fi
    done < <(running_servers)
}

# Keep the first installation of a server package from making and starting a cluster "main".
without_main_cluster() {
    local dir=/etc/postgresql-common/createcluster.d file
    file=$dir/sentinel-build.conf
    as_root mkdir -p "$dir"
    printf 'create_main_cluster = false\n' | as_root tee "$file" >/dev/null
    local status=0
    "$@" || status=$?
    as_root rm -f "$file"
    as_root rmdir --ignore-fail-on-non-empty "$dir" 2>/dev/null || true
    return "$status"
}

# Install what a step needs. Argument: build, test or demo. Nothing to do: returns at once, silently.
ensure_packages() {
    local step=${1:?step: build, test or demo} major
    local -a wanted missing
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        die "this installs Debian packages, and apt is not here; install by hand:" \
            "$(package_list "$step" N | tr '\n' ' ')(N: $OLDEST_SERVER to $NEWEST_SERVER)"
    fi
    major=$(pg_major)
    if [[ -n $major ]]; then
        mapfile -t wanted < <(package_list "$step" "$major")
        mapfile -t missing < <(missing_packages "${wanted[@]}")
        [[ ${#missing[@]} -gt 0 ]] || return 0
    fi
    say "packages for '$step': reading the package lists"
    apt_quiet update >&2 || die "apt-get update failed; is a Debian mirror reachable?"
    major=$(pg_major)
    [[ -n $major ]] || die "apt knows no PostgreSQL from $OLDEST_SERVER to $NEWEST_SERVER"
    mapfile -t wanted < <(package_list "$step" "$major")
    mapfile -t missing < <(missing_packages "${wanted[@]}")
    refuse_server_upgrade "${missing[@]}"
    say "packages for '$step': installing ${missing[*]}"
    without_main_cluster apt_quiet install -y --no-install-recommends "${missing[@]}" >&2 ||
        die "apt-get could not install: ${missing[*]}"
    mapfile -t missing < <(missing_packages "${wanted[@]}")
    [[ ${#missing[@]} -eq 0 ]] || die "still missing after apt-get: ${missing[*]}"
    say "packages for '$step': ready (PostgreSQL $major)"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    set -euo pipefail
    ensure_packages "$@"
fi
