# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# f2fs on two disks: its metadata on one without zones, all data on ours (the
# plain disk is too small for any).
# Shows that its six logs go on at the write pointers after the restart
# (fsck.f2fs compares them with the drive's), that files are whole, and that
# emptied zones are reset and written again.  Zones can be filled to their ends:
# with less capacity fsck.f2fs finds a wrong number of free segments in what it
# and Linux 6.12 made themselves, on null_blk as well.
#
#: programs  mkfs.f2fs fsck.f2fs blkzone nvme
#: modules   crc32_generic? f2fs mq-deadline
#: kernel    full
#: drive     zones=64 zone_size=16M max_open=14 max_active=28 lba=4096
#: uses      NVM_CMD_WRITE ZONED_CMD_MGMT_SEND
#: disk      48M
#: variants  persistent volatile killed cut

disk=$(virtio_disk plain)

make_filesystem() {
    run mkfs.f2fs -f -m -c "$DRIVE" "$disk"
}

mount_filesystem() {
    run mount -t f2fs "$disk" /mnt
}

check_filesystem() {
    run fsck.f2fs --dry-run "$disk"
}

after_fsync() {
    fsync_another
}

first() {
    make_filesystem
    mount_filesystem
    make_files /mnt
    change_files /mnt
    run rm /mnt/long
    run sync
    keep_sums /mnt
    run umount /mnt
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
