# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# How the guest talks to the host, and finds its drives, sourced by the guest's
# scripts.  A record is a line "@@KIND TEXT"; a block of lines stands between
# "@@begin NAME" and "@@end NAME LINES", so that the host notices one that lost
# some.

# Where a record goes, also out of a command substitution
exec 3>&1

record() {
    kind=$1
    shift
    echo "@@$kind $*" >&3
}

# step TEXT: what the person who watches should know
step() {
    record step "$*"
}

fail() {
    record fail "$*"
}

# block NAME COMMAND...: the command's output as a block
block() {
    block_name=$1
    shift
    "$@" >/tmp/block 2>&1 || fail "$* ended with status $?"
    record begin "$block_name"
    cat /tmp/block
    record end "$block_name" "$(wc -l </tmp/block)"
}

# check COMMAND...: run quietly; a failure is recorded with what it printed
check() {
    if ! "$@" >/tmp/check 2>&1; then
        fail "$* ended with an error: $(tr '\n' ' ' </tmp/check)"
        return 1
    fi
}

# find_nvme_disk NSID: numbers in names come in the order of the scan
find_nvme_disk() {
    for _ in $(seq 300); do
        for disk in /sys/block/nvme*n*; do
            if [ "$(cat "$disk/nsid" 2>/dev/null)" = "$1" ]; then
                echo "/dev/${disk##*/}"
                return
            fi
        done
        sleep 0.1
    done
    return 1
}
