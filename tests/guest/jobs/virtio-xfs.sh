# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# XFS on one zoned virtio-blk disk: metadata in its conventional zones, data in
# the others, which can be filled to their ends: Linux 7.3 wants zones of one
# capacity, conventional or not.  Shows that files are whole after the restart,
# that xfs_repair finds nothing to repair, that zones whose files are gone are
# reset, and that what was fsynced is there when QEMU is killed.
#
#: programs  blkzone nvme
#: newer     mkfs.xfs xfs_repair
#: release   newest
#: modules   xfs mq-deadline
#: drive     zones=16 zone_size=16M
#: virtio    zones=96 zone_size=16M conventional=32 max_open=14 max_active=28
#: virtio    lba=4096
#: variants  persistent killed cut
#: uses      ZONED_CMD_MGMT_RECV

DISK=$(virtio_disk zones)
SYSFS=/sys/block/${DISK##*/}/queue
use_xfs "$DISK"

first() {
    same "zones" "$(cat "$SYSFS/nr_zones")" 96
    same "open" "$(cat "$SYSFS/max_open_zones")" 14
    xfs_first "$DISK" 16
}

second() {
    xfs_second
}
