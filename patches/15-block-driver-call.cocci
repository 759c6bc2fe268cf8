// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: block: ask the zones before the driver
// Why: reads of where data is, and discards, depend on the zones of a node. By
//   name: what bases hand over besides is theirs. A write that the zones have
//   refused is not in the log of blklogwrites.
// Retire-When: block/zone is part of the base.
// Files: block/io.c block/blklogwrites.c
// Spatch-Options: --no-includes

@@
expression bs;
expression list E;
@@
- bs->drv->bdrv_co_block_status(bs, E)
+ zone_gate_co_block_status(bs, E)

@@
expression bs;
expression list E;
@@
- bs->drv->bdrv_co_pdiscard(bs, E)
+ zone_gate_co_pdiscard(bs, E)

@@
@@
- blk_log_writes_co_do_log(&lr);
+ if (zone_filter_wants_log(fr.file_ret)) {
+     blk_log_writes_co_do_log(&lr);
+ }
