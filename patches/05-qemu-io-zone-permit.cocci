// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: qemu-io: ask for the permission to write in zone commands
// Why: they change zones, like the other commands that write. In the monitor,
//   where the node may belong to somebody else, they ran without being allowed
//   to write, or into the assertion that they may.
// Retire-When: the zone commands of qemu-io-cmds.c have a permission.
// Files: qemu-io-cmds.c
// Spatch-Options: --no-includes

@@
identifier c = {
    zone_open_cmd, zone_close_cmd, zone_finish_cmd, zone_reset_cmd,
    zone_append_cmd
};
expression E;
@@
 static const cmdinfo_t c = {
     .name = E,
+    .perm = BLK_PERM_WRITE,
     ...,
 };
