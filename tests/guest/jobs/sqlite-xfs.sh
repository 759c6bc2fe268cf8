# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# SQLite on XFS, on one zoned virtio-blk disk: so a flush for the log of one
# file is one for the data of others.  Shows the same as the job sqlite.
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
