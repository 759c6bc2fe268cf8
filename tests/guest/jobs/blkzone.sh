# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# util-linux's blkzone: the kernel's zone ioctls.  Shows that open, close,
# finish and reset act on the zones they name and on no other, one and several
# at a time, that each state is reported, and that after the restart states
# and write pointers are those of before.
#
#: programs  blkzone nvme
#: modules   mq-deadline
#: drive     zones=64 zone_size=16M zone_capacity=12M max_open=8 max_active=12
#: uses      NVM_CMD_WRITE ZONED_CMD_MGMT_SEND

# states FIRST COUNT: what blkzone reports of zones, in a word each
states() {
    blkzone report -o $(($1 * ZONE_SECTORS)) -c "$2" "$DRIVE" |
        sed -n 's/.*zcond:.*(\(..\)).*/\1/p' | tr '\n' ' '
}

# zones ACTION FIRST COUNT
zones() {
    run blkzone "$1" -o $(($2 * ZONE_SECTORS)) -l $(($3 * ZONE_SECTORS)) \
        "$DRIVE"
}

fill() {
    run dd if=/dev/zero of="$DRIVE" bs=4k count=3 oflag=direct conv=notrunc \
        seek=$(($1 * ZONE_SECTORS / 8))
}

write_pointer() {
    blkzone report -o $(($1 * ZONE_SECTORS)) -c 1 "$DRIVE" |
        sed -n 's/.*wptr 0x0*\([0-9a-f]*\) .*/\1/p'
}

first() {
    run blkzone report "$DRIVE"
    same "lines of the report" "$(wc -l <"$OUT")" 64
    run blkzone capacity -o 0 -l $((64 * ZONE_SECTORS)) "$DRIVE"
    says 0x000180000
    run blkzone report -o $((60 * ZONE_SECTORS)) "$DRIVE"
    same "lines of a partial report" "$(wc -l <"$OUT")" 4
    zones open 1 3
    same "zones 0 to 4" "$(states 0 5)" "em oe oe oe em "
    fill 2
    fill 5
    zones close 2 1
    same "zones 0 to 5" "$(states 0 6)" "em oe cl oe em oi "
    zones finish 3 2
    same "zones 0 to 5" "$(states 0 6)" "em oe cl fu fu oi "
    same "write pointer of zone 5" "$(write_pointer 5)" 18
    zones open 10 1
    fill 10
    zones reset 10 1
    same "zone 10" "$(states 10 1)" "em "
    zones open 20 6
    refuse 'ioctl failed' blkzone open -o $((30 * ZONE_SECTORS)) \
        -l $((3 * ZONE_SECTORS)) "$DRIVE"
    same "zone 26" "$(states 26 1)" "em "
    zones reset 20 20
    same "zones 20 to 25" "$(states 20 6)" "em em em em em em "
    fill 63
}

second() {
    fill_pointer=$(write_pointer 5)
    same "write pointer of zone 5" "$fill_pointer" 18
    run dd if=/dev/zero of="$DRIVE" bs=4k count=1 oflag=direct conv=notrunc \
        seek=$((5 * ZONE_SECTORS / 8 + 3))
    same "write pointer of zone 5" "$(write_pointer 5)" 20
    same "zones 2 to 5" "$(states 2 4)" "cl fu fu oi "
    run blkzone reset "$DRIVE"
    same "zones that are not Empty" \
        "$(states 0 64 | sed "s/em //g")" ""
}
