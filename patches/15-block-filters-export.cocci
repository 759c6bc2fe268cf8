// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: block: let filters see requests on zones
// Why: appends and management of a zoned node below a filter go through
//   block/zone/gate/filter.c: blkdebug injects its errors there, blklogwrites
//   logs where an append went, and no write that the zones have refused.
// Retire-When: block/zone is part of the base.
// Files: block/blkdebug.c block/blklogwrites.c
// Spatch-Options: --no-includes

@@
identifier f = { rule_check, blk_log_writes_co_log };
@@
- static
 f(...) { ... }

@@
@@
- blk_log_writes_co_do_log(&lr);
+ if (zone_filter_wants_log(fr.file_ret)) {
+     blk_log_writes_co_do_log(&lr);
+ }

@@
@@
 #include "block/block_int.h"
+#include "block/zone/gate/filter.h"
