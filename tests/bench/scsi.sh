# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Measures what a program in the guest gets from a SCSI disk: fio, in zones of
# its own where there are any, or in the same ranges.  Each write waits for the
# one before: Linux lets no more than one go to a zone at a time.  Sourced by
# tests/guest/client.sh, whose drive has no part in it.
#
#: programs  fio blkzone nvme
#: modules   mq-deadline
#: drive     zones=16 zone_size=64M
#: scsi      zones=128 zone_size=64M lba=4096

RUNTIME=4
WRITES=49                       # fields of fio's terse output
READS=8

# measure NAME FIELD FIRST COUNT OPTIONS...: in a range of 64 MiB
measure() {
    measure_name=$1 measure_field=$2 measure_first=$3 measure_count=$4
    shift 4
    run fio --name="$measure_name" --minimal --direct=1 --runtime=$RUNTIME \
        --output=/tmp/terse --filename="$DISK" --ioengine=libaio \
        --zonemode="$MODE" --offset="$((measure_first * 64))m" \
        --size="$((measure_count * 64))m" "$@"
    echo "$measure_name $(cut -d';' -f"$measure_field" /tmp/terse)" \
        >>/tmp/results
}

first() {
    DISK=$(scsi_disk)
    disk_queue=/sys/block/${DISK##*/}/queue
    MODE=none
    [ "$(cat "$disk_queue/zoned")" = none ] || MODE=zbd
    echo mq-deadline >"$disk_queue/scheduler"
    measure scsi_write_four $WRITES 0 16 --rw=write --bs=4k --iodepth=1
    measure scsi_write_big $WRITES 16 96 --rw=write --bs=1m --iodepth=1
    measure scsi_read_four $READS 16 1 --rw=randread --bs=4k --iodepth=32
    block results cat /tmp/results
}
