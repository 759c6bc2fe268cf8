// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: hw/nvme: count MDTS in units of the smallest page size
// Why: the limit of a transfer grew with the page size that the host had chosen
//   (CC.MPS); its unit is CAP.MPSMIN.
// Retire-When: nvme_check_mdts() looks at CAP.MPSMIN.
// Files: hw/nvme/ctrl.c
// Spatch-Options: --no-includes

@@
@@
 nvme_check_mdts(...)
 {
 <...
- n->page_size << mdts
+ UINT64_C(4096) << (NVME_CAP_MPSMIN(ldq_le_p(&n->bar.cap)) + mdts)
 ...>
 }
