# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# SQLite on XFS, on one zoned virtio-blk disk.  Shows the same as the job
# sqlite.  On one disk, as the fsync of one database writes the log for the
# other one, too: a flush of the log is then one of all data that it tells of.
#
#: with      sqlite
#: programs  sqlite3 blkzone nvme
#: newer     mkfs.xfs xfs_repair
#: release   newest
#: modules   xfs mq-deadline
#: drive     zones=16 zone_size=16M
#: virtio    zones=96 zone_size=16M conventional=32 max_open=14 max_active=28
#: virtio    lba=4096
#: variants  killed cut
#: uses      ZONED_CMD_MGMT_RECV

use_xfs "$(virtio_disk zones)"
