// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: hw/nvme: format zoned namespaces
// Why: the base refuses Format NVM there; the standard lets it empty the zones.
// Retire-When: upstream's nvme formats zoned namespaces.
// Files: hw/nvme/ctrl.c
// Spatch-Options: --no-includes

@@
@@
 nvme_format_check(...)
 {
 <...
- ns->params.zoned
+ nvme_zns_refuses_format(ns, lbaf)
 ...>
 }

@@
@@
 nvme_format_ns_cb(...)
 {
 ...
 assert(ns);
+
+ if (ns->params.zoned && !iocb->offset) {
+     iocb->offset = ns->size;
+     iocb->aiocb = nvme_zns_format(ns, nvme_format_ns_cb, iocb);
+     return;
+ }
 ...
 }

@@
@@
 nvme_format_set(...)
 {
 ...
 nvme_ns_init_format(ns);
+ if (ns->params.zoned) {
+     nvme_zns_init_format(ns);
+ }
 }
