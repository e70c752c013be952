#!/usr/bin/env bash
# Check form: clang-format, clang-tidy, cppcheck, shellcheck, file sizes, names. Exits with the number of kinds that complain.
# Usage: make lint [FAST=1 leaves out clang-tidy]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=test/support/packages.sh
source test/support/packages.sh
ensure_packages test || exit 1
as_root sh -c 'command -v clang-format-14 clang-tidy-14 cppcheck shellcheck >/dev/null' ||
    apt_quiet install -y clang-format-14 clang-tidy-14 cppcheck shellcheck || exit 1

wrong=0
report() {
    if [[ $2 -eq 0 ]]; then
        printf 'ok      %s\n' "$1"
    else
        printf 'FAILED: %s\n' "$1"
        wrong=$((wrong + 1))
    fi
}
mapfile -t cpp < <(git ls-files -co --exclude-standard 'src/*.cpp' 'src/*.hpp' 'worker/*.cpp' 'worker/*.hpp' 'test/*.cpp')
mapfile -t server < <(git ls-files -co --exclude-standard 'src/*.cpp')
mapfile -t worker < <(git ls-files -co --exclude-standard 'worker/*.cpp')
mapfile -t shell < <(git ls-files -co --exclude-standard '*.sh' '.ci/run')

clang-format-14 --dry-run --Werror "${cpp[@]}"
report "clang-format" $?

config=$(pg_config_path)
server_flags=(-std=c++17 -isystem "$("$config" --includedir-server)" -Isrc '-DSENTINEL_VERSION="0"' -D_GNU_SOURCE)
worker_flags=(-std=c++20 -I. -Isrc -Iworker -isystem "$("$config" --includedir)" '-DSENTINEL_VERSION="0"')
if [[ -z ${FAST:-} ]]; then
    printf '%s\n' "${server[@]}" | xargs -P 2 -n 4 sh -c 'clang-tidy-14 --quiet "$@" -- '"$(printf '%q ' "${server_flags[@]}")" tidy
    report "clang-tidy, server" $?
    printf '%s\n' "${worker[@]}" | xargs -P 2 -n 4 sh -c 'clang-tidy-14 --quiet "$@" -- '"$(printf '%q ' "${worker_flags[@]}")" tidy
    report "clang-tidy, worker" $?
fi

# No object of the server library may have a destructor at exit, and only the doors may catch everything.
clang++-14 -fsyntax-only -Wexit-time-destructors -Werror=exit-time-destructors "${server_flags[@]}" "${server[@]}"
report "no destructors at exit in the server library" $?
! grep -nE 'catch *\(\.\.\.\)|PG_TRY' "${server[@]}" | grep -v '^src/pg/'
report "nobody but the doors catches everything" $?

cppcheck -q --std=c++20 --language=c++ --enable=warning,performance,portability --error-exitcode=1 --inline-suppr \
    --suppress=missingIncludeSystem --suppress=unknownMacro --suppress=syntaxError -Isrc -Iworker -j 2 "${server[@]}" "${worker[@]}"
report "cppcheck" $?
shellcheck -x -S warning "${shell[@]}"
report "shellcheck" $?

long=$(git ls-files -co --exclude-standard 'src/*' 'worker/*' 'sql/code/*' 'test/*' Makefile | grep -vE '/expected/|^test/payloads/|\.out$|package-lock\.json$|/openapi/schema-3\.1\.json$' |
    xargs wc -l | awk '$2 != "total" && $1 > 400')
[[ -z $long ]] || printf 'long: %s\n' "$long"
report "no file over 400 lines" "$([[ -z $long ]]; echo $?)"

clash=$(comm -12 <(find sql -name '*.sql' -printf '%f\n' | sort -u) <(find test/sql -name '*.sql' -printf '%f\n' | sort -u))
[[ -z $clash && -z $(find sql -maxdepth 1 -type f) ]]
report "no test is shadowed by a file of sql/" $?

printf '%d kinds of complaint\n' "$wrong"
exit "$wrong"
