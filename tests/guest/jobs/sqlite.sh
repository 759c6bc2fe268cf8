# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# SQLite on btrfs, with a rollback journal and with a write-ahead log: each
# transaction ends with fsync, and moves money between accounts.  Shows that
# when QEMU is killed, or the power of the drive is cut, all transactions are
# there that had ended, that no other is there by half, and that the databases
# and the filesystem are whole.
#
#: programs  sqlite3 mkfs.btrfs btrfs blkzone nvme
#: modules   crc32c_generic? btrfs mq-deadline
#: drive     zones=64 zone_size=16M zone_capacity=12M max_open=14 max_active=28
#: variants  killed cut
#: uses      ZONED_CMD_ZONE_APPEND ZONED_CMD_MGMT_SEND

NR_ACCOUNTS=50
BALANCE=1000

use_btrfs "$DRIVE"

made() {
    make_filesystem
    mount_filesystem
    for database in delete wal; do
        make_database $database | run sqlite3 /mnt/$database
    done
    run umount /mnt
}

# make_database MODE: that of the journal, which is its name
make_database() {
    echo "PRAGMA journal_mode = $1;
        CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER);
        CREATE TABLE move (id INTEGER PRIMARY KEY, source, target, amount,
                           text);
        WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL
                                SELECT i + 1 FROM n WHERE i < $NR_ACCOUNTS)
        INSERT INTO account SELECT i, $BALANCE FROM n;"
}

query() {
    sqlite3 "/mnt/$1" "$2" || give_up "$1: $2 has failed"
}

# moves DATABASE FIRST: without end; the host is told when one is durable
moves() {
    move=$2
    echo 'PRAGMA synchronous = FULL;'
    while :; do
        move_source=$((move * 7 % NR_ACCOUNTS + 1))
        move_target=$((move * 13 % NR_ACCOUNTS + 1))
        echo "BEGIN;
            UPDATE account SET balance = balance - $((move % 17))
                WHERE id = $move_source;
            UPDATE account SET balance = balance + $((move % 17))
                WHERE id = $move_target;
            INSERT INTO move VALUES ($move, $move_source, $move_target,
                $((move % 17)), hex(randomblob(2000)));
            COMMIT;"
        echo '.once /dev/ttyS1'
        echo "SELECT '@@synced moves $move $1';"
        move=$((move + 1))
    done
}

load() {
    noise &
    for database in delete wal; do
        next=$(query $database 'SELECT ifnull(max(id), 0) + 1 FROM move')
        moves $database "$next" | sqlite3 -bail /mnt/$database &
    done
    wait
    give_up "the load has ended"
}

# check_durable _ MOVE DATABASE: that one is there, each of them as a whole
check_durable() {
    same "integrity of $3" "$(query "$3" 'PRAGMA integrity_check')" ok
    last=$(query "$3" 'SELECT max(id) FROM move')
    [ "$last" -ge "$2" ] || give_up "move $2 of $3 is gone, $last is the last"
    same "number of moves in $3" "$(query "$3" 'SELECT count(*) FROM move')" \
        "$last"
    same "wrong accounts in $3" "$(query "$3" "SELECT count(*) FROM account
        WHERE balance != $BALANCE
            - (SELECT total(amount) FROM move WHERE source = account.id)
            + (SELECT total(amount) FROM move WHERE target = account.id)")" 0
    same "accounts in $3" "$(query "$3" 'SELECT count(*) FROM account')" \
        $NR_ACCOUNTS
}
