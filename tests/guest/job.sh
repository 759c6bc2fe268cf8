#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest's job: carries out /job/plan, one operation a line, and records
# what came of it.  A zone is given by its number, sizes are in KiB; offsets
# of `sum` count from the start of the zone.
#
#   note TEXT...            tell the person who watches
#   report NAME             both reports of all zones, as blocks
#   write ZONE KIB          write random data at the zone's write pointer
#   append ZONE KIB         the same by Zone Append
#   open|close|finish|reset ZONE
#   describe ZONE TEXT...   set the zone descriptor extension
#   sum ZONE OFFSET KIB     read, record the checksum
#   readback                the same for all that this guest has written
#   refused ZONE OFFSET     try to write 4 KiB; record the status of the refusal
#   unopenable ZONE         try to open; record the status of the refusal

# shellcheck source=tests/guest/records.sh
. /job/records.sh

DRIVE=/dev/nvme0n1
LBA_BYTES=$(cat /sys/block/nvme0n1/queue/logical_block_size)
# chunk_sectors is the zone size, in units of 512 bytes whatever the LBA size
ZONE_BYTES=$(($(cat /sys/block/nvme0n1/queue/chunk_sectors) * 512))
EXTENSION_BYTES=64
SOURCE=/tmp/source
WRITTEN=/tmp/written
APPEND_KIB_MAX=64

slba() {
    echo $(($1 * ZONE_BYTES / LBA_BYTES))
}

# wp_kib ZONE: its write pointer, from the zone's start
wp_kib() {
    blkzone report -o $(($1 * ZONE_BYTES / 512)) -c 1 $DRIVE |
        sed -n 's/.*wptr \(0x[0-9a-f]*\).*/\1/p' | {
        read -r sectors
        echo $((sectors / 2))
    }
}

# make_source KIB: random data, its checksum in $checksum
make_source() {
    head -c $(($1 * 1024)) /dev/urandom >$SOURCE
    checksum=$(sha256sum <$SOURCE | cut -d ' ' -f 1)
}

# note_data ZONE OFFSET KIB: what was written, for the host and for readback
note_data() {
    record data "$1" "$2" "$3" "$checksum"
    echo "$1 $2 $3" >>$WRITTEN
}

do_write() {
    offset_kib=$(wp_kib "$1")
    block_kib=1024
    [ $(($2 % 1024)) -eq 0 ] && [ $((offset_kib % 1024)) -eq 0 ] || block_kib=4
    make_source "$2"
    check dd if=$SOURCE of=$DRIVE bs=${block_kib}k oflag=direct,seek_bytes \
        seek=$(($1 * ZONE_BYTES + offset_kib * 1024)) &&
        note_data "$1" "$offset_kib" "$2"
}

# One command a piece; the drive chooses where each goes.
do_append() {
    done_kib=0
    while [ $done_kib -lt "$2" ]; do
        piece_kib=$(($2 - done_kib))
        [ $piece_kib -le $APPEND_KIB_MAX ] || piece_kib=$APPEND_KIB_MAX
        make_source $piece_kib
        check nvme zns zone-append $DRIVE -s "$(slba "$1")" \
            -z $((piece_kib * 1024)) -d $SOURCE || return
        lba=$(sed -n 's/.*LBA \([0-9a-f]*\).*/\1/p' /tmp/check)
        offset_kib=$(((0x$lba - $(slba "$1")) * LBA_BYTES / 1024))
        note_data "$1" $offset_kib $piece_kib
        done_kib=$((done_kib + piece_kib))
    done
}

do_manage() {
    check nvme zns "$1-zone" $DRIVE -s "$(slba "$2")"
}

do_describe() {
    zone=$1
    shift
    printf "%-${EXTENSION_BYTES}s" "$*" >$SOURCE
    check nvme zns set-zone-desc $DRIVE -s "$(slba "$zone")" -d $SOURCE
}

# record_sum KIND ZONE OFFSET KIB
record_sum() {
    dd if=$DRIVE bs=64k iflag=direct,skip_bytes,count_bytes \
        skip=$(($2 * ZONE_BYTES + $3 * 1024)) count=$(($4 * 1024)) \
        2>/tmp/check >$SOURCE || fail "reading zone $2: $(cat /tmp/check)"
    record "$@" "$(sha256sum <$SOURCE | cut -d ' ' -f 1)"
}

do_readback() {
    while read -r zone offset kib; do
        record_sum readback "$zone" "$offset" "$kib"
    done <$WRITTEN
}

# note_refusal ZONE COMMAND...: runs what the drive must refuse
note_refusal() {
    zone=$1
    shift
    if "$@" >/tmp/check 2>&1; then
        fail "not refused: $*"
    else
        record refusal "$zone" "$(tr '\n' ' ' </tmp/check)"
    fi
}

do_refused() {
    make_source 4
    note_refusal "$1" nvme write $DRIVE -z 4096 -c $((4096 / LBA_BYTES - 1)) \
        -d $SOURCE -s $(($(slba "$1") + $2 * 1024 / LBA_BYTES))
}

do_unopenable() {
    note_refusal "$1" nvme zns open-zone $DRIVE -s "$(slba "$1")"
}

do_report() {
    block "blkzone-$1" blkzone report $DRIVE
    block "nvme-$1" nvme zns report-zones $DRIVE -e
}

while read -r verb zone rest; do
    case $verb in
    note)     step "$zone $rest" ;;
    report)   do_report "$zone" ;;
    write)    do_write "$zone" "$rest" ;;
    append)   do_append "$zone" "$rest" ;;
    describe) do_describe "$zone" "$rest" ;;
    sum)      record_sum sum "$zone" "${rest% *}" "${rest#* }" ;;
    refused)  do_refused "$zone" "$rest" ;;
    unopenable) do_unopenable "$zone" ;;
    readback) do_readback ;;
    open | close | finish | reset) do_manage "$verb" "$zone" ;;
    *)        fail "the plan has an unknown operation: $verb" ;;
    esac
done </job/plan
