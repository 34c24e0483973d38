# The part of a session's script that is the same for all: it runs as the body of a function, so that a script
# that arrives cut in two never runs at all. Plain POSIX; nothing is written to a disk. The variables above it
# (rs mark sh keep_head keep_tail session_s hard_s sudo runner) are set by script.rs.

umask 077
LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
unset ENV BASH_ENV CDPATH LANGUAGE GREP_OPTIONS BLOCKSIZE BLOCK_SIZE DF_BLOCK_SIZE DU_BLOCK_SIZE LS_BLOCK_SIZE \
    POSIXLY_CORRECT COLUMNS LINES TIME_STYLE QUOTING_STYLE LS_COLORS
# Kept for whoever watches whether the line still stands: its end of file is the order to stop.
exec 7<&0

# Frames leave by `echo`, which every shell has built in: the mark never stands in the arguments of a process.
frame() { echo "$rs$mark $*"; }
frame_both() { frame "$@"; frame "$@" >&2; }

# Hundredths of a second on a clock that is never set, else seconds of the wall clock.
if [ -r /proc/uptime ]; then
    fine=1
    now() { read -r now rest </proc/uptime; now=$((${now%.*} * 100 + 1${now#*.} - 100)); }
else
    fine=0
    now() { now=$(date +%s)00; }
fi

setsid=
if command -v setsid >/dev/null 2>&1; then setsid=setsid; fi

# A `head` without -c would swallow answers; then all is sent and cut by the receiver.
if [ "$(echo abc | head -c 2)" != ab ]; then keep_head=; fi

uid=$(id -u)
prelude='has() { command -v "$1" >/dev/null 2>&1; }
'
if [ -n "$sudo" ] && [ "$uid" != 0 ] && command -v sudo >/dev/null 2>&1; then
    prelude=$prelude'priv() { sudo -n -- "$@"; }
'
else
    prelude=$prelude'priv() { "$@"; }
'
fi

# Every process beneath $1 and itself, where processes cannot be given a group of their own.
beneath() {
    ps -A -o pid= -o ppid= | awk -v top="$1" '
        { parent[$1] = $2 }
        END { for (p in parent) { for (q = p; q in parent && q != top; q = parent[q]); if (q == top) print p } }'
}

signal_probe() {
    if [ -n "$setsid" ]; then
        kill -"$1" -"$running"
    else
        # shellcheck disable=SC2046 # One word a process is meant.
        kill -"$1" $(beneath "$running")
    fi
    [ "$1" = TERM ] || kill -"$1" "$running"
} 2>/dev/null

# What of the group cannot be ended (dead storage, processes of root), by name where the system tells.
still_running() {
    [ -n "$setsid" ] || return 0
    for stat in /proc/[0-9]*/stat; do
        read -r line <"$stat" || continue
        name=${line#*\(}
        name=${name%\)*}
        # shellcheck disable=SC2086 # The fields are meant to split.
        set -- ${line##*\) }
        case $1 in Z | X) continue ;; esac
        # A frame is short: of very many the first ones are named.
        [ "$3" = "$running" ] && [ "${#still}" -lt 400 ] || continue
        still="$still ${line%% *}"
        echo "rounds: could not be ended and still runs: ${line%% *} ($name), state $1" >&9
    done
} 9>&2 2>/dev/null

# The last resort, from outside of the shell that asks: what it runs, then itself.
end_by_force() {
    groups=
    for stat in /proc/[0-9]*/stat; do
        read -r line <"$stat" || continue
        # shellcheck disable=SC2086 # The fields are meant to split.
        set -- ${line##*\) }
        [ "$2" != $$ ] || [ "$3" != "${line%% *}" ] || groups="$groups -$3"
    done
    # shellcheck disable=SC2086 # One word a group is meant.
    [ -z "$groups" ] || kill -KILL $groups
    kill -KILL $$
} 2>/dev/null

quit() {
    trap '' TERM HUP INT USR1
    kill "$ticker" "$watcher" 2>/dev/null
    frame_both q "$1"
    exit 0
}

# ask INDEX LIMIT_S FRAGMENT: runs one probe in its own process group.
ask() {
    now
    [ "$now" -lt "$over" ] || stop=limit
    [ -z "$stop" ] || quit "$stop"
    begun=$now
    late=
    limit_hit=0
    frame b "$1" "$now"
    frame b "$1" >&2
    # The fragment is an argument, so that its syntax errors are its own; the mark is not, because others may see arguments.
    # shellcheck disable=SC2086 # An empty setsid is no word; sh may be `busybox sh`.
    echo "$mark" | $setsid $sh -c "$runner" rounds "$1" "$keep_head" "$keep_tail" "$setsid" "$sh" "$prelude$3" 7<&- &
    running=$!
    # A signal interrupts `wait`: the ticker's every second, or the order to stop.
    while wait "$running" 2>/dev/null; [ $? -gt 128 ] && kill -0 "$running" 2>/dev/null; do
        now
        if [ -n "$late" ]; then
            [ $((now - late)) -lt 150 ] || signal_probe KILL
        else
            [ $((now - begun)) -lt $(($2 * 100)) ] || limit_hit=1
            [ "$now" -lt "$over" ] || stop=limit
            if [ "$limit_hit" = 1 ] || [ -n "$stop" ]; then
                late=$now
                signal_probe TERM
            fi
        fi
    done
    still=
    [ -z "$late" ] || { signal_probe KILL; sleep 0.1 2>/dev/null; still_running; }
    now
    # A probe that was ended from outside has no answer: no frame closes it.
    [ -z "$stop" ] || [ "$limit_hit" = 1 ] || { frame u $still; quit "$stop"; }
    frame z "$1" "$now" "$limit_hit" $still
    frame z "$1" >&2
}

# Waits until a second has passed since the end of the last first asking.
a_second_later() {
    now
    gap=$((102 - (now - first_ended)))
    if [ "$gap" -ge 100 ] || [ "$fine" = 0 ]; then
        sleep 1
    elif [ "$gap" -ge 10 ]; then
        sleep "0.$gap" 2>/dev/null || sleep 1
    elif [ "$gap" -gt 0 ]; then
        sleep "0.0$gap" 2>/dev/null || sleep 1
    fi
}

stop=
trap : USR1
trap 'stop=ended' TERM HUP INT
# Wakes us every second, and ends us for good where even that does not help (a line that takes no more bytes).
(
    n=0
    while [ "$n" -lt "$hard_s" ]; do
        sleep 1 || exit
        n=$((n + 1))
        kill -USR1 $$ || exit
    done
    end_by_force
) >/dev/null 2>&1 </dev/null 7<&- &
ticker=$!
(
    while read -r rest; do :; done
    kill -TERM $$
) <&7 >/dev/null 2>&1 7<&- &
watcher=$!
exec 7<&-

now
over=$((now + session_s * 100))
first_ended=$now
frame h $$ "$uid" "$now" "$fine"
