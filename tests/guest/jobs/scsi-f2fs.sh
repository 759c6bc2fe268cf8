# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# f2fs on one host-managed SCSI disk: its metadata in the conventional zones, its
# logs in the others, as on disks that one can buy.  Shows that fsck.f2fs finds
# the logs at the write pointers after the restart, that files are whole, and
# that emptied zones are reset.  The HBA tells a driver how short a report of
# zones was.
#
#: programs  mkfs.f2fs fsck.f2fs blkzone nvme
#: modules   sym53c8xx crc32_generic? f2fs mq-deadline
#: kernel    full
#: drive     zones=16 zone_size=16M
#: scsi      zones=64 zone_size=16M conventional=8 max_open=32 lba=4096 hba=lsi53c895a
#: variants  persistent killed cut
#: uses      ZONED_CMD_MGMT_RECV

SCSI=$(scsi_disk)
echo mq-deadline >/sys/block/sda/queue/scheduler

nr_empty_zones() {
    blkzone report "$SCSI" | grep -c 'zcond: 1(em)'
}

make_filesystem() {
    run mkfs.f2fs -f -m "$SCSI"
}

mount_filesystem() {
    run mount -t f2fs "$SCSI" /mnt
}

check_filesystem() {
    run fsck.f2fs --dry-run "$SCSI"
}

after_fsync() {
    fsync_another
}

first() {
    make_filesystem
    mount_filesystem
    make_files /mnt
    change_files /mnt
    nr_empty=$(nr_empty_zones)
    run rm /mnt/long
    run sync
    keep_sums /mnt
    run umount /mnt
    [ "$(nr_empty_zones)" -gt "$nr_empty" ] ||
        give_up "of $nr_empty Empty zones none more is Empty"
    check_filesystem
}

second() {
    check_filesystem
    mount_filesystem
    check_sums /mnt
    run cp /mnt/file5000 /mnt/again
    run cmp /mnt/file5000 /mnt/again
    run umount /mnt
    check_filesystem
}
