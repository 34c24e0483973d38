# Runs one probe: rounds INDEX KEEP_HEAD KEEP_TAIL SETSID SH FRAGMENT, the mark on stdin. Standard output and
# error go through one pipe each: whatever outlives the probe writes into a pipe nobody reads, never into the
# answer of another one. Only the fragment dies of TERM; the rest stays to hand over what came before it.
read -r mark
trap : TERM
exec 6>&1
cut() {
    [ -n "$1" ] || exec cat
    head -c "$1"
    exec tail -c "$2"
}
status=$(
    # Ignored before anything forks, not once it runs: a fragment may be over, and its group be told to end, before
    # a slow machine has let `cut` begin; its answer would be lost and look like an empty one.
    trap "" TERM
    {
        {
            {
                trap : TERM
                # In a subshell, so that what a shell says of a killed child is not taken for the child's own words.
                (exec $5 -c "$6" sh 2>&4 </dev/null 4>&- 5>&- 6>&-)
                status=$?
                trap "" TERM
                [ -z "$4" ] || kill -TERM 0
                echo "$status" >&5
            } 2>/dev/null | cut "$2" "$3" >&6 4>&-
        } 4>&1 | cut "$2" "$3" >&2
    } 5>&1
)
echo "@RS@$mark e $1 ${status:--}"
