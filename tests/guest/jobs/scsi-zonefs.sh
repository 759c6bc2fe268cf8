# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# zonefs and fio on a host-managed SCSI disk with conventional zones.  Shows
# that fio's account of the write pointers is that of the disk, with writes at
# depth that read back; that zonefs has a file for each zone, of either type,
# whose length is the write pointer; that a truncation to 0 resets a zone and
# one to the maximum finishes it; and that lengths and contents are there after
# the restart, when files are written further at their ends.  The disk is one of
# USB, whose HBA takes writes in pieces: in a queue of them, zones must see each
# as a whole.
#
#: programs  mkzonefs blkzone nvme fio
#: modules   xhci_pci uas sg zonefs mq-deadline
#: kernel    full
#: drive     zones=16 zone_size=16M
#: scsi      zones=64 zone_size=16M conventional=4 max_open=32 hba=usb-uas
#: variants  persistent killed cut
#: uses      ZONED_CMD_MGMT_RECV

SCSI=$(scsi_disk)
# the first conventional zone has the superblock
NR_CONVENTIONAL=3
NR_SEQUENTIAL=60

length() {
    stat -c %s "/mnt/seq/$1"
}

# append FILE KIB
append() {
    head -c $(($2 * 1024)) /dev/urandom >/tmp/source
    length_before=$(length "$1")
    run dd if=/tmp/source of="/mnt/seq/$1" bs=64k oflag=direct,append \
        conv=notrunc
    same "length of file $1" "$(length "$1")" $((length_before + $2 * 1024))
}

# queued_writes ZONE: Linux lets one at a time go to a zone, but for those of
# programs that speak SCSI
queued_writes() {
    run fio --name=queued --filename=/dev/sg0 --ioengine=sg --rw=write \
        --bs=256k --iodepth=8 --offset="$(($1 * 16))m" --size=16m
    says 'err= 0'
    run blkzone report -o "$(($1 * 32768))" -c 1 "$SCSI"
    says 'zcond:14(fu)'
    run blkzone reset -o "$(($1 * 32768))" -c 1 "$SCSI"
}

zbd() {
    fio_zbd "$SCSI" "$@"
}

make_filesystem() {
    run mkzonefs -f "$SCSI"
}

mount_filesystem() {
    run mount -t zonefs -o explicit-open,errors=remount-ro "$SCSI" /mnt
}

check_filesystem() {
    echo "# zonefs has nothing but the write pointers" >&2
}

load() {
    load_zonefs
}

first() {
    echo mq-deadline >/sys/block/sda/queue/scheduler
    zbd sequential 8 2 --rw=write --bs=128k --iodepth=16 \
        --verify=crc32c --verify_fatal=1
    queued_writes 12
    zbd random 16 4 --rw=randwrite --bs=16k --iodepth=8 --io_size=12m \
        --verify=crc32c --verify_fatal=1
    # every zone more than once, so that fio must reset
    zbd rewrite 32 2 --rw=randwrite --bs=64k --iodepth=4 --io_size=48m
    says ' [1-9][0-9]* zone resets'

    make_filesystem
    mount_filesystem
    same "files of conventional zones" \
        "$(find /mnt/cnv -type f | wc -l)" $NR_CONVENTIONAL
    same "files of sequential zones" \
        "$(find /mnt/seq -type f | wc -l)" $NR_SEQUENTIAL
    same "length of a zone that fio has filled" "$(length 4)" 0
    append 0 64
    append 0 1024
    append 1 192
    run truncate -s 0 /mnt/seq/1
    same "length of a file that was reset" "$(length 1)" 0
    append 2 320
    run truncate -s $((16 << 20)) /mnt/seq/2
    append 59 64
    run dd if=/tmp/source of=/mnt/cnv/1 bs=64k seek=3 oflag=direct conv=notrunc
    (cd /mnt && sha256sum seq/[0-2] seq/59 cnv/1) >"$KEPT"/sums
    run umount /mnt
}

second() {
    mount_filesystem
    same "length of file 0" "$(length 0)" $((1088 << 10))
    same "length of file 1" "$(length 1)" 0
    same "length of file 2" "$(length 2)" $((16 << 20))
    (cd /mnt && run sha256sum -c /job/kept/sums)
    append 0 64
    append 1 64
    append 59 1024
    run umount /mnt
}
