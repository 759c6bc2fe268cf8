# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# XFS on one host-managed SCSI disk, with the layout of disks that one can buy:
# 256 MiB zones, 1 % conventional, 128 open ones.  Metadata is in conventional
# zones, data in the others.  Shows that files are whole after the restart, that
# xfs_repair finds nothing to repair, that zones whose files are gone are reset,
# and that what was fsynced is there when QEMU is killed.
#
#: programs  blkzone nvme
#: newer     mkfs.xfs xfs_repair
#: release   newest
#: modules   xfs mq-deadline
#: drive     zones=16 zone_size=16M
#: scsi      zones=200 zone_size=256M conventional=2 max_open=128 lba=4096
#: variants  persistent killed cut
#: uses      ZONED_CMD_MGMT_RECV

SCSI=$(scsi_disk)
use_xfs "$SCSI"

first() {
    same "zones" "$(cat /sys/block/sda/queue/nr_zones)" 200
    same "open" "$(cat /sys/block/sda/queue/max_open_zones)" 128
    xfs_first "$SCSI" 272
}

second() {
    xfs_second
}
