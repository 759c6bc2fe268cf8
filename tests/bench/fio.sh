# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Measures what a program in the guest gets: fio, in zones of its own for each
# measure, all of them Empty before.  The requests per second go to the host as
# lines of a name and a value.  Sourced by tests/guest/client.sh.
#
#: programs  fio mkzonefs blkzone nvme
#: modules   zonefs mq-deadline
#: drive     zones=128 zone_size=64M lba=4096

RUNTIME=2
WRITES=49                       # fields of fio's terse output
READS=8

# measure NAME FIELD OPTIONS...
measure() {
    measure_name=$1 measure_field=$2
    shift 2
    run fio --name="$measure_name" --minimal --direct=1 --runtime=$RUNTIME \
        --output=/tmp/terse "$@"
    echo "$measure_name $(cut -d';' -f"$measure_field" /tmp/terse)" \
        >>/tmp/results
}

# zbd NAME FIELD FIRST COUNT OPTIONS...: in a range of zones
zbd() {
    zbd_name=$1 zbd_field=$2 zbd_first=$3 zbd_count=$4
    shift 4
    measure "$zbd_name" "$zbd_field" --filename="$DRIVE" --zonemode=zbd \
        --ioengine=libaio --offset="${zbd_first}z" --size="${zbd_count}z" "$@"
}

first() {
    zbd write_four_single $WRITES 0 8 --rw=write --bs=4k --iodepth=1
    zbd write_four_deep $WRITES 8 8 --rw=write --bs=4k --iodepth=32
    zbd write_big_deep $WRITES 16 48 --rw=write --bs=128k --iodepth=8
    zbd write_four_synced $WRITES 64 4 --rw=write --bs=4k --iodepth=1 \
        --fsync=1
    zbd read_four_deep $READS 16 1 --rw=randread --bs=4k --iodepth=32
    run mkzonefs -f "$DRIVE"
    run mount -t zonefs -o explicit-open "$DRIVE" /mnt
    measure zonefs_append $WRITES --filename=/mnt/seq/3 --rw=write --bs=4k \
        --ioengine=psync --size=48m --io_size=48m --file_append=1 \
        --create_on_open=0 --allow_file_create=0
    run umount /mnt
    block results cat /tmp/results
}
