# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# zonefs: every zone a file whose length is the write pointer.  Shows that
# appends (direct I/O, by dd and by fio with several files at once) land where
# the files end, that a truncation to 0 resets and one to the maximum finishes
# a zone, and that after the restart all files have their lengths and contents
# and take more appends at their ends.  (Linux 6.12 makes writes of them; a
# filesystem that uses Zone Append is btrfs.)
#
#: programs  mkzonefs blkzone nvme fio
#: modules   zonefs mq-deadline
#: drive     zones=64 zone_size=16M zone_capacity=12M max_open=8 max_active=12
#: uses      NVM_CMD_WRITE ZONED_CMD_MGMT_SEND
#: variants  persistent volatile lost moved killed cut

FILES=/mnt/seq

length() {
    stat -c %s "$FILES/$1"
}

# append FILE KIB: random data, by direct writes at the end of the file
append() {
    head -c $(($2 * 1024)) /dev/urandom >/tmp/source
    length_before=$(length "$1")
    run dd if=/tmp/source of="$FILES/$1" bs=64k oflag=direct,append conv=notrunc
    same "length of file $1" "$(length "$1")" $((length_before + $2 * 1024))
}

keep_lengths() {
    for file in 0 1 2 3 4 5 6 7 62; do
        echo "$file $(length $file)"
    done >"$KEPT"/lengths
    sha256sum $FILES/[0-7] $FILES/62 >"$KEPT"/sums
}

make_filesystem() {
    run mkzonefs -f "$DRIVE"
}

mount_filesystem() {
    run mount -t zonefs -o explicit-open,errors=remount-ro "$DRIVE" /mnt
}

check_filesystem() {
    echo "# zonefs has nothing but the write pointers" >&2
}

load() {
    load_zonefs
}

first() {
    make_filesystem
    mount_filesystem
    same "number of files" "$(find $FILES -type f | wc -l)" 63
    append 0 64
    append 0 1024
    append 1 192
    append 2 128
    run truncate -s 0 $FILES/2
    same "length of a file that was reset" "$(length 2)" 0
    append 3 320
    run truncate -s $((12 << 20)) $FILES/3
    append 62 64
    run fio --name=append --directory=$FILES --filename=4:5:6:7 \
        --nrfiles=4 --file_service_type=roundrobin --rw=write --bs=64k \
        --size=4m --io_size=4m --file_append=1 --direct=1 --ioengine=psync \
        --create_on_open=0 --allow_file_create=0
    refuse 'Input.output error' \
        dd if=/tmp/source of=$FILES/0 bs=4k count=1 seek=4 oflag=direct \
        conv=notrunc
    keep_lengths
    run umount /mnt
}

second() {
    mount_filesystem
    while read -r file bytes; do
        same "length of file $file" "$(length "$file")" "$bytes"
    done </job/kept/lengths
    run sha256sum -c /job/kept/sums
    append 0 64
    append 2 64
    append 62 1024
    run umount /mnt
}
