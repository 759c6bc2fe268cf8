# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What the zone tests of the block layer and of fio look at, which are in no
# package: the kernel's view of the drive, by sysfs, ioctls and bios.  Shows
# that limits and reports agree, before and after a scan; that a long write is
# split where zones end, and all of it arrives in order; that a refused write
# changes nothing; that no page of a zone outlives its reset; that several
# processes of fio, which keep to the drive's limits, write what they count;
# that a dm-linear target over a part of the zones is a drive by itself, whose
# resets stay in it; and that all of it is there after the restart.
#
#: programs  fio blkzone dmsetup
#: modules   dm_mod mq-deadline
#: drive     zones=64 zone_size=16M max_open=8 max_active=40
#: uses      NVM_CMD_WRITE ZONED_CMD_MGMT_SEND ZONED_CMD_MGMT_RECV
#: variants  persistent volatile

export DM_DISABLE_UDEV=1
ZONE_MIB=16
PART=/dev/mapper/part
PART_FIRST=32
PART_ZONES=16

limit() {
    cat "/sys/block/$1/queue/$2"
}

# written_kib DISK FIRST COUNT: below the write pointers, in all
written_kib() {
    blkzone report -o $(($2 * ZONE_SECTORS)) -c "$3" "$1" |
        sed -n 's/.*wptr \(0x[0-9a-f]*\) .*/\1/p' | {
        kib=0
        while read -r sectors; do
            kib=$((kib + sectors / 2))
        done
        echo $kib
    }
}

# describe DISK: what the kernel says of it, in a line
describe() {
    for name in zoned nr_zones chunk_sectors max_open_zones max_active_zones; do
        printf '%s ' "$(limit "$1" $name)"
    done
}

check_limits() {
    same "limits" "$(describe "${DRIVE##*/}")" \
        "host-managed 64 $((ZONE_MIB * 2048)) 8 40 "
    same "sectors" "$(cat "/sys/block/${DRIVE##*/}/size")" \
        $((64 * ZONE_SECTORS))
    same "lines of the report" "$(blkzone report "$DRIVE" | wc -l)" 64
    [ "$(limit "${DRIVE##*/}" zone_append_max_bytes)" -ge 4096 ] ||
        give_up "appends are too short"
    same "granularity of writes" \
        "$(limit "${DRIVE##*/}" zone_write_granularity)" \
        "$(limit "${DRIVE##*/}" logical_block_size)"
}

# One request of an application, two zones
split() {
    head -c $((24 << 20)) /dev/urandom >/tmp/long
    run dd if=/tmp/long of="$DRIVE" bs=24M count=1 oflag=direct conv=notrunc
    same "KiB in zone 0" "$(written_kib "$DRIVE" 0 1)" $((ZONE_MIB * 1024))
    same "KiB in zone 1" "$(written_kib "$DRIVE" 1 1)" 8192
    check_split
}

check_split() {
    dd if="$DRIVE" bs=24M count=1 iflag=direct 2>/dev/null | sha256sum >/tmp/sum
    same "what was read" "$(cat /tmp/sum)" "$(sha256sum </tmp/long)"
}

# The kernel reports the errors of these, which are none of the drive's.
refused_writes() {
    refuse 'error' dd if=/tmp/long of="$DRIVE" bs=64k count=1 oflag=direct \
        conv=notrunc seek=$((3 * ZONE_MIB * 16 + 1))
    refuse 'error' dd if=/tmp/long of="$DRIVE" bs=64k count=1 oflag=direct \
        conv=notrunc seek=0
    dmesg -c >&2
    same "KiB in zone 3" "$(written_kib "$DRIVE" 3 1)" 0
    check_split
}

# zone_sum: zone 2, through the page cache
zone_sum() {
    dd if="$DRIVE" bs=1M skip=$((2 * ZONE_MIB)) count=4 2>/dev/null | sha256sum
}

stale_pages() {
    blank=$(zone_sum)
    same "blank zone" "$blank" "$(head -c $((4 << 20)) /dev/zero | sha256sum)"
    run dd if=/tmp/long of="$DRIVE" bs=1M count=4 oflag=direct conv=notrunc \
        seek=$((2 * ZONE_MIB))
    same "written zone" "$(zone_sum)" \
        "$(head -c $((4 << 20)) /tmp/long | sha256sum)"
    run blkzone reset -o $((2 * ZONE_SECTORS)) -c 1 "$DRIVE"
    same "zone that was reset" "$(zone_sum)" "$blank"
}

# Four processes, 12 MiB each, in at most as many zones as may be open
many_writers() {
    run fio --name=many --filename="$DRIVE" --zonemode=zbd --direct=1 \
        --ioengine=libaio --thread --numjobs=4 --group_reporting \
        --offset=8z --size=16z --rw=randwrite --bs=64k --iodepth=4 \
        --io_size=12m
    says 'err= 0'
    same "KiB of four writers" "$(written_kib "$DRIVE" 8 16)" $((48 * 1024))
}

start_part() {
    part_sectors=$((PART_ZONES * ZONE_SECTORS))
    run dmsetup create part --table \
        "0 $part_sectors linear $DRIVE $((PART_FIRST * ZONE_SECTORS))"
    [ -b $PART ] || give_up "no disk $PART"
    part_name=$(grep -lx part /sys/block/dm-*/dm/name)
    part_disk=${part_name#/sys/block/}
    part_disk=${part_disk%%/*}
    same "limits of a part" "$(describe "$part_disk" | cut -d ' ' -f 1-3)" \
        "host-managed $PART_ZONES $ZONE_SECTORS"
}

part() {
    start_part
    run dd if=/tmp/long of="$DRIVE" bs=1M count=1 oflag=direct conv=notrunc \
        seek=$(((PART_FIRST + PART_ZONES) * ZONE_MIB))
    run dd if=/tmp/long of=$PART bs=1M count=2 oflag=direct conv=notrunc \
        seek=$((5 * ZONE_MIB))
    same "KiB in zone 5 of the part" "$(written_kib $PART 5 1)" 2048
    same "KiB in that zone" "$(written_kib "$DRIVE" $((PART_FIRST + 5)) 1)" 2048
    run blkzone reset $PART
    same "KiB in the part" "$(written_kib $PART 0 $PART_ZONES)" 0
    same "KiB behind the part" \
        "$(written_kib "$DRIVE" $((PART_FIRST + PART_ZONES)) 1)" 1024
    fio_zbd $PART part 0 8 --rw=randwrite --bs=16k --iodepth=8 --io_size=8m \
        --randseed=5 --verify=crc32c --verify_fatal=1
    says '^   READ:.*io=[1-9]'
    run dmsetup remove part
}

first() {
    check_limits
    split
    refused_writes
    stale_pages
    many_writers
    part
    echo 1 >/sys/class/nvme/nvme0/rescan_controller
    check_limits
    written_kib "$DRIVE" 0 64 >"$KEPT/written"
    sha256sum </tmp/long >"$KEPT/sum"
    same "KiB written" "$(cat "$KEPT/written")" \
        $((24 * 1024 + 48 * 1024 + 1024 + $(written_kib "$DRIVE" 32 16)))
}

second() {
    check_limits
    same "KiB written" "$(written_kib "$DRIVE" 0 64)" \
        "$(cat /job/kept/written)"
    dd if="$DRIVE" bs=24M count=1 iflag=direct 2>/dev/null | sha256sum >/tmp/sum
    same "what was read" "$(cat /tmp/sum)" "$(cat /job/kept/sum)"
    start_part
    fio_zbd $PART part 0 8 --rw=read --bs=16k --iodepth=8 --verify=crc32c \
        --verify_fatal=1 --verify_header_seed=0 --verify_write_sequence=0
    says '^   READ:.*io=[1-9]'
    run dmsetup remove part
}
