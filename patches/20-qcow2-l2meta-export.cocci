// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: qcow2: share how allocated clusters are mapped
// Why: clusters of a zone are mapped ahead of its data, in block/zone.
// Retire-When: block/zone is part of the base.
// Files: block/qcow2.c block/qcow2.h
// Spatch-Options: --no-includes

@@
@@
- static
 qcow2_handle_l2meta(...) { ... }

@@
@@
 #include "block/block_int.h"
+#include "block/zone/qcow2/zone.h"
