// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: block: name the refusals of zones in messages
// Why: a refusal travels as an errno of its own, borrowed from calls that block
//   drivers do not make. Whoever prints it has to say what the zones have
//   refused, not "Illegal seek".
// Retire-When: the block layer passes errors on in words.
// Files: block/block-backend.c nbd/server.c qemu-img.c qemu-io-cmds.c
// Spatch-Options: --no-includes

@@
iterator name WITH_GRAPH_RDLOCK_GUARD;
expression E;
@@
- strerror
+ zone_strerror
 (E)

@@
expression E, errp;
@@
- error_setg_errno(errp, E, "reading from file failed")
+ error_setg(errp, "reading from file failed: %s", zone_strerror(E))

@@
@@
 #include "qemu-io.h"
+#include "block/zone-io.h"

@@
@@
 #include "nbd-internal.h"
+#include "block/zone-io.h"
