# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# fio in its zoned mode: it keeps account of every write pointer itself and
# resets zones that it has filled.  Shows that writes at depth under
# mq-deadline, in several zones at a time and over zone ends, read back with
# their checksums, at once and after the restart, and that zones are reset
# and written again.
#
#: programs  fio blkzone nvme
#: modules   mq-deadline
#: drive     zones=64 zone_size=16M zone_capacity=12M max_open=8 max_active=12
#: uses      NVM_CMD_WRITE ZONED_CMD_MGMT_SEND
#: variants  persistent volatile moved

zbd() {
    fio_zbd "$DRIVE" "$@"
}

# check_blocks NAME FIRST COUNT BS: what an earlier process has written, by the
# checksum in each block
check_blocks() {
    zbd "$1" "$2" "$3" --rw=read --bs="$4" --iodepth=8 \
        --verify=crc32c --verify_fatal=1 --verify_header_seed=0 \
        --verify_write_sequence=0
    says '^   READ:.*io=[1-9][0-9.]*MiB'
}

write_and_verify() {
    zbd "$@" --verify=crc32c --verify_fatal=1
    says '^   READ:.*io=[1-9]'
    says '^  WRITE:.*io=[1-9]'
}

first() {
    same "scheduler" "$(sed 's/.*\[\(.*\)\].*/\1/' "${QUEUE:?}/scheduler")" \
        mq-deadline
    write_and_verify sequential 0 2 --rw=write --bs=128k --iodepth=16
    write_and_verify random 8 6 --rw=randwrite --bs=16k --iodepth=8 \
        --io_size=12m
    write_and_verify lengths 20 4 --rw=randwrite --bsrange=4k-64k \
        --iodepth=4 --io_size=6m
    # every zone more than once, so that fio must reset
    zbd rewrite 32 2 --rw=randwrite --bs=64k --iodepth=4 --io_size=48m
    says ' [1-9][0-9]* zone resets'
}

second() {
    check_blocks sequential 0 2 128k
    check_blocks random 8 6 16k
    write_and_verify onwards 20 4 --rw=randwrite --bsrange=4k-64k --iodepth=4 \
        --io_size=2m
    run blkzone reset -o 0 -l $((2 * ZONE_SECTORS)) "$DRIVE"
    write_and_verify again 0 2 --rw=write --bs=128k --iodepth=16
}
