# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# XFS on two namespaces of a drive: its metadata on one without zones, all data
# in zones of the other, the realtime device.  Shows that files are whole after
# the restart, that xfs_repair finds nothing to repair, that zones whose files
# are gone are reset, and that what was fsynced is there when QEMU is killed.
#
#: programs  blkzone nvme
#: newer     mkfs.xfs xfs_repair
#: release   newest
#: modules   xfs mq-deadline
#: drive     zones=64 zone_size=16M zone_capacity=12M max_open=14 max_active=28
#: drive     lba=4096
#: namespace 2 size=384M lba=4096
#: variants  persistent killed cut
#: uses      ZONED_CMD_ZONE_APPEND ZONED_CMD_MGMT_SEND

use_xfs "$(nvme_disk 2)" "$DRIVE"

first() {
    xfs_first "$DRIVE" 16
}

second() {
    xfs_second
}
