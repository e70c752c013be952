#!/usr/bin/env bash
# Build and test on PostgreSQL 17 in a chroot of Debian 13, made by debootstrap; printed as skipped where that cannot be.
# Needs root. Environment: SUITE (trixie), SERVER (17), MIRROR, KEEP=1 leaves the chroot behind for another run.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
SUITE=${SUITE:-trixie}
SERVER=${SERVER:-17}
MIRROR=${MIRROR:-http://deb.debian.org/debian}

skip() {
    printf 'skipped: PostgreSQL %s on Debian %s: %s\n' "$SERVER" "$SUITE" "$1"
    printf '0 passed, 0 failed\n'
    exit 0
}

[[ $EUID -eq 0 ]] || skip "debootstrap and chroot need root"
command -v debootstrap >/dev/null || apt-get -qq install -y debootstrap >/dev/null 2>&1 || skip "no package debootstrap"

root=$(mktemp -d "${TMPDIR:-/tmp}/sentinel-chroot.XXXXXX")
chmod 755 "$root" # inside it is /, which the user of the server must be able to enter
leave() {
    umount "$root/proc" 2>/dev/null
    [[ -n ${KEEP:-} ]] || rm -rf --one-file-system -- "$root"
}
trap leave EXIT

printf 'debootstrap %s\n' "$SUITE"
debootstrap --variant=minbase --include=ca-certificates "$SUITE" "$root" "$MIRROR" >"$root.log" 2>&1 ||
    { tail -n 3 "$root.log"; rm -f "$root.log"; skip "debootstrap failed"; }
rm -f "$root.log"
mount -t proc proc "$root/proc" || skip "no /proc in a chroot here"
cp /etc/resolv.conf "$root/etc/"
cp /etc/apt/apt.conf.d/*proxy* "$root/etc/apt/apt.conf.d/" 2>/dev/null
mkdir -p "$root/etc/postgresql-common" "$root/sentinel"
printf 'create_main_cluster = false\n' >"$root/etc/postgresql-common/createcluster.conf"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"

printf 'packages of PostgreSQL %s\n' "$SERVER"
chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
    "postgresql-$SERVER" "postgresql-server-dev-$SERVER" "postgresql-$SERVER-cron" "postgresql-$SERVER-pgtap" "postgresql-$SERVER-plpgsql-check" \
    g++ make libssl-dev libcurl4-openssl-dev libpq-dev nlohmann-json3-dev libsystemd-dev libkrb5-dev python3 \
    >"$root/apt.log" 2>&1 || { tail -n 3 "$root/apt.log"; skip "packages could not be installed"; }

tar -cf - --exclude=./.git --exclude=./build --exclude='*.o' --exclude='*.d' --exclude='*.so' --exclude=./sentinel-worker \
    --exclude='./extension/sentinel--*' . | tar -xf - -C "$root/sentinel"
chroot "$root" env -i -C /sentinel PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 ENSURE_PACKAGES=no ONLY="regress isolation pgtap" bash test/check.sh
