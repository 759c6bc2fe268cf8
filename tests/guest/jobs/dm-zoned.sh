# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# dm-zoned: a disk that takes random writes, made of zones.  One is of a
# host-managed SCSI disk alone, which has its metadata and random writes in
# conventional zones, one of a disk without zones and an NVMe namespace.  Shows
# that random writes over more chunks than there are zones for them, which the
# target moves to sequential zones, read back with their checksums, at once and
# after the restart; that ext4 beside them is whole; and that the metadata,
# which names zones and trusts their write pointers, passes dmzadm's check.  When
# QEMU is killed, what was fsynced, and flushed, on the SCSI disk alone is there:
# of two disks, Linux flushes the first.
#
#: programs  dmzadm dmsetup mkfs.ext4 e2fsck fio blkzone nvme
#: modules   dm_mod dm_zoned mq-deadline
#: drive     zones=64 zone_size=16M lba=4096
#: disk      128M
#: scsi      zones=64 zone_size=16M conventional=8 max_open=32
#: variants  persistent killed cut
#: uses      NVM_CMD_WRITE ZONED_CMD_MGMT_SEND ZONED_CMD_MGMT_RECV
#: crashing  ZONED_CMD_MGMT_RECV

# dmzadm asks libkmod for the module, which has been loaded without a list.
mkdir -p /etc/modprobe.d
echo 'install dm_zoned /bin/true' >/etc/modprobe.d/dm-zoned.conf
# There is no udev to make nodes.
export DM_DISABLE_UDEV=1

SCSI=$(scsi_disk)
PLAIN=$(virtio_disk plain)
FILESYSTEM_MIB=192
RANDOM_MIB=256

# random NAME LABEL OPTIONS...: behind the filesystem
random() {
    random_name=$1 random_label=$2
    shift 2
    run fio --name="$random_name" --filename="/dev/mapper/$random_label" \
        --direct=1 --ioengine=libaio --iodepth=8 --bs=32k \
        --offset=${FILESYSTEM_MIB}m --size=${RANDOM_MIB}m --rw=randwrite \
        --io_size=2m --randseed=7 --verify=crc32c --verify_fatal=1 "$@"
    says '^   READ:.*io=[1-9]'
}

# start LABEL DEVICES...
start() {
    start_label=$1
    shift
    run dmzadm --start "$@"
    run dmsetup status "$start_label"
    says ' zoned '
    [ -b "/dev/mapper/$start_label" ] || give_up "no disk $start_label"
}

# make LABEL DISK DEVICES...: zones of DISK are written to in the end
make() {
    make_label=$1 make_disk=$2
    shift 2
    run dmzadm --format "$@" --seq=4 --label="$make_label"
    start "$make_label" "$@"
    run mkfs.ext4 -q "/dev/mapper/$make_label" ${FILESYSTEM_MIB}M
    mkdir -p "/mnt/$make_label"
    run mount -t ext4 "/dev/mapper/$make_label" "/mnt/$make_label"
    random first "$make_label"
    make_files "/mnt/$make_label"
    change_files "/mnt/$make_label"
    run rm "/mnt/$make_label/long"
    nr_sequential=$(nr_written "$make_disk")
    echo "# $nr_sequential sequential zones are written" >&2
    [ "$nr_sequential" -gt 0 ] || give_up "nothing is in sequential zones"
}

# finish LABEL DEVICES...
finish() {
    finish_label=$1
    shift
    run umount "/mnt/$finish_label"
    run dmsetup status "$finish_label"
    run dmzadm --stop "$@"
    run dmzadm --check "$@"
}

# find LABEL DEVICES...
find_again() {
    find_label=$1
    shift
    run dmzadm --check "$@"
    start "$find_label" "$@"
    run e2fsck -f -n "/dev/mapper/$find_label"
    mkdir -p "/mnt/$find_label"
    run mount -t ext4 "/dev/mapper/$find_label" "/mnt/$find_label"
}

go_on() {
    random first "$1" --verify_only
    random second "$1" --randseed=8
    run cp "/mnt/$1/file5000" "/mnt/$1/again"
    run cmp "/mnt/$1/file5000" "/mnt/$1/again"
}

use_mq_deadline() {
    echo mq-deadline >/sys/block/sda/queue/scheduler
}

# Chunks behind the filesystem take the conventional zones, so that those of it
# are in sequential ones.
make_filesystem() {
    use_mq_deadline
    run dmzadm --format "$SCSI" --seq=4 --label=smr
    start smr "$SCSI"
    for chunk in $(seq 16 32); do
        run dd if=/dev/zero of=/dev/mapper/smr bs=64k count=1 \
            seek=$((chunk * 256)) conv=notrunc,fsync
    done
    run mkfs.ext4 -q /dev/mapper/smr ${FILESYSTEM_MIB}M
}

mount_filesystem() {
    use_mq_deadline
    [ -b /dev/mapper/smr ] || start smr "$SCSI"
    run mount -t ext4 /dev/mapper/smr /mnt
}

# A commit of ext4's ends with a FUA write: Linux stores the data, and what has
# changed in its map of chunks with the next flush.
after_fsync() {
    run dd if=/dev/null of=/dev/mapper/smr conv=notrunc,fsync
}

check_filesystem() {
    run e2fsck -f -n /dev/mapper/smr
    [ "$(nr_written "$SCSI")" -gt 0 ] || give_up "no sequential zone is written"
    run dmzadm --stop "$SCSI"
    run dmzadm --check "$SCSI"
}

first() {
    use_mq_deadline
    make smr "$SCSI" "$SCSI"
    make pair "$DRIVE" "$PLAIN" "$DRIVE"
    keep_sums /mnt
    finish smr "$SCSI"
    finish pair "$PLAIN" "$DRIVE"
}

second() {
    use_mq_deadline
    find_again smr "$SCSI"
    find_again pair "$PLAIN" "$DRIVE"
    check_sums /mnt
    go_on smr
    go_on pair
    finish smr "$SCSI"
    finish pair "$PLAIN" "$DRIVE"
}
