# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# SQLite on XFS, whose metadata is on a namespace without zones and whose data is
# in zones of another.  Shows the same as the job sqlite.
#
#: with      sqlite
#: programs  sqlite3 blkzone nvme
#: newer     mkfs.xfs xfs_repair
#: release   newest
#: modules   xfs mq-deadline
#: drive     zones=64 zone_size=16M zone_capacity=12M max_open=14 max_active=28
#: drive     lba=4096
#: namespace 2 size=384M lba=4096
#: variants  killed cut
#: uses      ZONED_CMD_ZONE_APPEND ZONED_CMD_MGMT_SEND

use_xfs "$(nvme_disk 2)" "$DRIVE"
