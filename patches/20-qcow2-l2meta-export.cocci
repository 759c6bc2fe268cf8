// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: qcow2: share how clusters are mapped, read and written
// Why: block/zone maps clusters of a zone ahead of its data, and reads and
//   writes those by itself whose place it knows; it changes the length by zones.
// Retire-When: block/zone is part of the base.
// Files: block/qcow2.c block/qcow2.h
// Spatch-Options: --no-includes

@@
@@
- static
 qcow2_handle_l2meta(...) { ... }

@@
@@
- static
 qcow2_co_preadv_part(...) { ... }

@@
@@
- static
 qcow2_co_pwritev_part(...) { ... }

@@
@@
- static
 qcow2_co_truncate(...) { ... }

@@
@@
 #include "block/block_int.h"
+#include "block/zone/qcow2/zone.h"
