// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: hw/nvme: check the whole number of an LBA format
// Why: Format NVM looked at the lower four bits and used all six (Host Behavior
//   Support, LBAFEE): format 16, which no namespace has, made blocks of one
//   byte.
// Retire-When: nvme_do_format() checks iocb->lbaf.
// Files: hw/nvme/ctrl.c
// Spatch-Options: --no-includes

@@
@@
 nvme_do_format(...)
 {
 <...
- dw10 & 0xf
+ iocb->lbaf
 ...>
 }
