#!/usr/bin/env bash
# What demo.sh and demo_stop.sh share: the state file, processes that are known by pid and start time, bars of progress.
#
# .demo/state holds lines "dir PATH" (the folder with cluster, keys, logs) and "process NAME PID STARTTIME". The start time
# tells a process from a later one with the same pid.

DEMO_STATE=$ROOT/.demo/state
DEMO_DB=northwind

start_time() { sed -E 's/^.*\) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

remember() { printf '%s\n' "$*" >>"$DEMO_STATE"; }

demo_dir() { sed -n 's/^dir //p' "$DEMO_STATE" 2>/dev/null; }

# Status 0 when the demo's server runs.
demo_is_running() {
    [[ -n $(demo_dir) ]] || return 1
    cluster_attach demo "$(demo_dir)"
    cluster_runs demo
}

# Start a program in the background, detached, as the cluster's owner; its output goes to DIR/NAME.log.
start_process() {
    local name=$1
    shift
    "${AS_OWNER[@]}" setsid "$@" </dev/null >>"$(demo_dir)/$name.log" 2>&1 &
    remember "process $name $! $(start_time "$!")"
    disown "$!"
}

# Print "NAME PID" of each process of the demo that still runs.
demo_processes() {
    local word name pid began
    while read -r word name pid began; do
        [[ $word == process && -n $began && $(start_time "$pid") == "$began" ]] || continue
        printf '%s %s\n' "$name" "$pid"
    done < <(cat "$DEMO_STATE" 2>/dev/null)
}

# End the demo's processes and server by pid, and remove its folder and state.
end_demo() {
    local name pid dir
    local -a running
    mapfile -t running < <(demo_processes)
    for name in "${running[@]}"; do kill -TERM "${name#* }" 2>/dev/null || true; done
    for name in "${running[@]}"; do
        pid=${name#* }
        await_exit "$pid" 30 || kill -KILL "$pid" 2>/dev/null || true
    done
    dir=$(demo_dir)
    if [[ -n $dir && -d $dir ]]; then
        [[ $dir == */sentinel-demo.* ]] || die "$DEMO_STATE names a folder that no demo made: $dir"
        cluster_attach demo "$dir"
        cluster_destroy demo
    fi
    rm -rf -- "$ROOT/.demo"
}

step() {
    if [[ -t 1 ]]; then printf '\n\033[1m==> %s\033[0m\n' "$*"; else printf '\n==> %s\n' "$*"; fi
}

# Draw a bar: words, how many are done, of how many. On a terminal the line is redrawn; elsewhere each tenth is a line.
bar() {
    local words=$1 finished=$2 total=$3 width=30 filled text
    ((total > 0)) || return 0
    ((finished <= total)) || finished=$total
    filled=$((width * finished / total))
    printf -v text '%*s' "$filled" ''
    printf -v text '%-30s' "${text// /#}"
    if [[ -t 1 ]]; then
        printf '\r    [%s] %s/%s %s\033[K' "$text" "$finished" "$total" "$words"
        ((finished < total)) || printf '\n'
    elif [[ ${LAST_BAR:-} != "$words $((10 * finished / total))" ]]; then
        printf '    [%s] %s/%s %s\n' "$text" "$finished" "$total" "$words"
    fi
    LAST_BAR="$words $((10 * finished / total))"
}

# Read psql's messages and draw those of the form "progress DONE TOTAL words" as a bar; pass the others on.
bars_of_psql() {
    local line
    while IFS= read -r line; do
        if [[ $line =~ progress\ ([0-9]+)\ ([0-9]+)\ (.*)$ ]]; then
            bar "${BASH_REMATCH[3]}" "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
        else
            printf '%s\n' "$line" >&2
        fi
    done
}

# Draw a bar until nothing is left. Arguments: words, seconds, query that gives how many are left and how many are done.
# Status 1 when time is up, 2 when the query fails, 3 when a process of the demo has ended.
drain() {
    local words=$1 deadline=$((SECONDS + $2)) query=$3 counts left finished processes
    processes=$(grep -c '^process ' "$DEMO_STATE")
    while :; do
        [[ $(demo_processes | wc -l) -eq $processes ]] || {
            say "a process of the demo has ended by itself"
            return 3
        }
        counts=$(demo_psql -At -F ' ' -c "$query") || return 2
        read -r left finished <<<"$counts"
        bar "$words" "$finished" "$((left + finished))"
        ((left > 0)) || return 0
        ((SECONDS < deadline)) || return 1
        sleep 0.3
    done
}

demo_psql() { cluster_psql demo -d "$DEMO_DB" "$@"; }
