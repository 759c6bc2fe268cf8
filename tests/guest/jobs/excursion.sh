# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# A zone that the controller finishes by itself, seen by nvme-cli: that it may,
# and after which of four times; that it has done so, and to which zone, and that
# what was written is still there.  Linux makes no disk of a namespace that
# announces this, and has a character device for it.  The time is longer than
# the guest takes to start: a controller that is not in use yet keeps no list.
#
#: programs  nvme blkzone
#: modules   mq-deadline
#: drive     zones=16 zone_size=16M
#: namespace 2 zones=16 zone_size=16M zone_capacity=12M bus=nvme1
#: namespace 2 zoned.excursions=on zoned.frl=3600 zoned.frl2=45 zoned.rrl=7200
#: between   2 block-zone-set-attributes zone=3 finish-recommended=true finish-limit=2
#: uses      ZONED_CMD_ZONE_APPEND ZONED_CMD_MGMT_RECV
#: variants  persistent

START=$((3 * 32768))

NS=$(nvme_character_device nvme1)

zone3() {
    run nvme zns report-zones "$NS" -s $START -d 1
}

first() {
    run nvme zns id-ns "$NS"
    says 'zoc *: 2$'
    says 'frl *: 3600$'
    says 'frl2 *: 45$'
    says 'rrl *: 7200$'
    head -c 65536 /dev/urandom >/tmp/source
    run nvme zns zone-append "$NS" -s $START -z 65536 -d /tmp/source
    run nvme flush "$NS" -n 2
    zone3
    says 'State: 0x20 .*Attrs: 0 '
    sha256sum </tmp/source >"$KEPT/sum"
}

second() {
    zone3
    says 'State: 0x40 .*Attrs: 0x2 .*AttrsInfo: 0x2'
    for _ in $(seq 600); do
        zone3
        ! grep -q 'State: 0xe0' "$OUT" || break
        sleep 0.1
    done
    says 'State: 0xe0 .*Attrs: 0x1 '
    run nvme zns changed-zone-list "$NS"
    says 'nrzid: *1'
    says "zid 000: $START"
    run nvme read "$NS" -s $START -c 127 -z 65536 -d /tmp/target
    same "checksum" "$(sha256sum </tmp/target)" "$(cat /job/kept/sum)"
    run nvme zns reset-zone "$NS" -s $START
    zone3
    says 'State: 0x10 .*Attrs: 0 '
}
