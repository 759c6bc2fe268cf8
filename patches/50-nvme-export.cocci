// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: hw/nvme: share the helpers that zns.c needs
// Why: the Zoned Namespace Command Set moves data, checks sizes and completes
//   requests in the same way as the rest of the device. The Zone Descriptor
//   Changed event names its namespace in dword 1 of the completion, which the
//   queue of events has no room for; zns-log.c completes the request itself.
// Retire-When: upstream splits ctrl.c by command set.
// Files: hw/nvme/ctrl.c
// Spatch-Options: --no-includes

@@
identifier f = {
    nvme_c2h, nvme_h2c, nvme_check_mdts, nvme_check_bounds, nvme_sg_unmap
};
type T;
parameter list P;
@@
- static inline T f(P)
+ T f(P)
 { ... }

@@
identifier f = {nvme_misc_cb, nvme_format_check, nvme_tx, nvme_map_mdata};
@@
- static
 f(...) { ... }

@@
identifier f = {nvme_enqueue_req_completion, nvme_process_aers};
parameter list P;
@@
- static
 void f(P)
 { ... }

@@
@@
 #include "nvme.h"
+#include "zns-ctrl.h"
