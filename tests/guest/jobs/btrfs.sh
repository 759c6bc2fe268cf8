# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# btrfs in zoned mode: superblock logs in zones of their own, all data by Zone
# Append, and resets of zones that it has emptied.  Shows that a filesystem
# which trusts the reported write pointers (it refuses to mount when they are
# not where its metadata says) finds all of its files after the restart, that
# a scrub agrees with all checksums, and that it can then write on.  Forked, it
# finds on each overlay what was in the golden image, whatever the others did.
# Killed, it has all that was fsynced, and nothing to repair.
#
#: programs  mkfs.btrfs btrfs blkzone nvme
#: modules   crc32c_generic? btrfs mq-deadline
#: drive     zones=64 zone_size=16M zone_capacity=12M max_open=14 max_active=28
#: variants  persistent volatile forked moved killed cut unflushed
#: uses      ZONED_CMD_ZONE_APPEND ZONED_CMD_MGMT_SEND

use_btrfs "$DRIVE"

first() {
    make_filesystem
    mount_filesystem
    make_files /mnt
    run btrfs subvolume create /mnt/volume
    run cp -r /mnt/many /mnt/volume/
    run btrfs subvolume snapshot -r /mnt/volume /mnt/snapshot
    # overwritten and removed, so that zones are not only ever filled
    run cp /mnt/file5000 /mnt/file300
    run rm /mnt/file2048
    keep_sums /mnt
    run umount /mnt
    check_filesystem
}

second() {
    check_filesystem
    mount_filesystem
    run rm -f /mnt/again # of a second phase before this one
    check_sums /mnt
    run btrfs scrub start -B /mnt
    says 'no errors found'
    run cp /mnt/file5000 /mnt/again
    run cmp /mnt/file5000 /mnt/again
    run btrfs balance start -d /mnt
    run umount /mnt
    check_filesystem
}
