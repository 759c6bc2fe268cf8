// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: hw/nvme: log changed zones and send their event
// Why: the base has neither the event nor the log page, so that a host never
//   learns that the drive itself has changed a zone. A controller that is
//   unplugged counts as shut down.
// Retire-When: upstream's nvme has the Changed Zone List.
// Files: hw/nvme/ctrl.c
// Spatch-Options: --no-includes

@@
@@
 nvme_aer(...)
 {
 ...
 n->outstanding_aers++;
+ nvme_zns_send_events(n);
 ...
 }

@@
@@
 nvme_clear_events(...)
 {
 ...
 n->aer_mask &= ~(1 << event_type);
+ nvme_zns_send_events(n);
 ...
 }

@@
@@
 nvme_ctrl_reset(...)
 {
 ...
 n->aer_mask = 0;
+ nvme_zns_repeat_events(n);
 ...
 }

@@
@@
 nvme_attach_ns(...)
 {
 ...
 ns->attached++;
+ nvme_zns_attached(n, ns);
 }

@@
@@
 nvme_detach_ns(...)
 {
 ...
 ns->attached--;
+ nvme_zns_detached(n, ns);
 }

@@
@@
 nvme_exit(...)
 {
 ...
 nvme_subsys_unregister_ctrl(n->subsys, n);
+ nvme_zns_ctrl_exit(n);
 ...
 }
