// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: block: share the steps of a request
// Why: management of zones is tracked like writes, and an append becomes a write
//   once the zone has given it a position: both in block/zone. Filters see
//   them there: blkdebug injects its errors, blklogwrites logs where an append
//   went.
// Retire-When: block/zone is part of the base.
// Files: block/io.c block/block-backend.c block/blkdebug.c block/blklogwrites.c
// Spatch-Options: --no-includes

@@
attribute name coroutine_fn;
parameter list P;
@@
- static int coroutine_fn bdrv_co_do_pwrite_zeroes(P);

@@
identifier f = {
    tracked_request_begin, tracked_request_end, bdrv_wait_serialising_requests,
    bdrv_driver_preadv, bdrv_driver_pwritev, bdrv_aligned_pwritev,
    bdrv_co_do_pwrite_zeroes, rule_check,
    blk_log_writes_co_log
};
@@
- static
 f(...) { ... }

@@
@@
 #include "block/coroutines.h"
+#include "block/zone/gate/block-io.h"

@@
@@
 #include "block/throttle-groups.h"
+#include "system/block-backend-zone.h"

@@
@@
 #include "qobject/qstring.h"
+#include "block/zone/gate/filter.h"
