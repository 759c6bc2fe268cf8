// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: block-backend: send zone requests to the zones of a node
// Why: block/zone/backend.c charges the limits of the backend for them, and
//   knows which zones are its own and which the host's.
// Retire-When: block/zone is part of the base.
// Files: block/block-backend.c
// Spatch-Options: --no-includes

@@
@@
- static
 blk_wait_while_drained(...) { ... }

@@
identifier f = {
    blk_co_zone_report, blk_co_zone_mgmt, blk_co_zone_append
};
expression list E;
@@
 f(...)
 {
 <...
(
- bdrv_co_zone_report(blk_bs(blk), E)
+ blk_zone_co_report(blk, E)
|
- bdrv_co_zone_mgmt(blk_bs(blk), E)
+ blk_zone_co_mgmt(blk, E)
|
- bdrv_co_zone_append(blk_bs(blk), E)
+ blk_zone_co_append(blk, E)
)
 ...>
 }
