# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What the jobs with SQLite have in common: two databases, with a rollback
# journal and with a write-ahead log.  Each transaction ends with fsync, and
# moves money between accounts.

NR_ACCOUNTS=50
BALANCE=1000

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

# moves DATABASE FIRST: without end; the host is told when one is durable.
# EXTRA: a transaction ends when its journal is removed, and with less SQLite
# does not fsync the directory then.  The pause is for what would be durable
# only because something follows it.
moves() {
    move=$2
    echo 'PRAGMA synchronous = EXTRA;'
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
        echo '.shell sleep 0.2'
        move=$((move + 1))
    done
}

load() {
    noise &
    for database in delete wal; do
        next=$(query $database 'SELECT ifnull(max(id), 0) + 1 FROM move')
        {
            moves $database "$next" | sqlite3 -bail /mnt/$database
            give_up "the load of $database has ended"
        } &
    done
    wait
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
