# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# SQLite on btrfs, with a rollback journal and with a write-ahead log: each
# transaction ends with fsync, and moves money between accounts.  Shows that
# when QEMU is killed, or the power of the drive is cut, all transactions are
# there that had ended, that no other is there by half, and that the databases
# and the filesystem are whole.
#
#: with      sqlite
#: programs  sqlite3 mkfs.btrfs btrfs blkzone nvme
#: modules   crc32c_generic? btrfs mq-deadline
#: drive     zones=64 zone_size=16M zone_capacity=12M max_open=14 max_active=28
#: variants  killed cut
#: uses      ZONED_CMD_ZONE_APPEND ZONED_CMD_MGMT_SEND

use_btrfs "$DRIVE"
