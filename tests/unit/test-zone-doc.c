/*
 * The documentation's table of transitions is the one in the code
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Prints the state machine as reStructuredText and compares it with what
 * docs/devel/zone-store.rst has between its two markers.  A document that is
 * missing, or has no markers, fails.
 *
 * usage: test-zone-doc FILE      compare
 *        test-zone-doc --print   print what belongs between the markers
 */

#include "qemu/osdep.h"
#include "block/zone.h"

#define BEGIN ".. zone-transitions-begin\n"
#define END   ".. zone-transitions-end\n"

static const char *document;

static const struct {
    uint8_t bit;
    const char *name;
} attributes[] = {
    { ZONE_ATTR_ZFC, "ZFC" }, { ZONE_ATTR_FZR, "FZR" },
    { ZONE_ATTR_RZR, "RZR" }, { ZONE_ATTR_ZRWAV, "ZRWAV" },
    { ZONE_ATTR_ZDEV, "ZDEV" },
};

static const ZoneState states[] = {
    ZONE_STATE_CONVENTIONAL, ZONE_STATE_EMPTY, ZONE_STATE_IMPLICITLY_OPENED,
    ZONE_STATE_EXPLICITLY_OPENED, ZONE_STATE_CLOSED, ZONE_STATE_FULL,
    ZONE_STATE_READ_ONLY, ZONE_STATE_OFFLINE,
};

static const char rule[] =
    "========================  =================  =================  ====  "
    "======  ======  ==================\n";
static const char row[] = "%-24s  %-17s  %-17s  %-4s  %-6s  %-6s  %s\n";

static const char *delta_str(int delta)
{
    return delta > 0 ? "+1" : delta < 0 ? "-1" : "0";
}

static char *attributes_str(const ZoneTransition *transition)
{
    GString *text = g_string_new(NULL);
    size_t i;

    if (transition->clear_attributes == 0xff) {
        g_string_append(text, "none left");
    } else {
        for (i = 0; i < G_N_ELEMENTS(attributes); i++) {
            if (transition->set_attributes & attributes[i].bit) {
                g_string_append_printf(text, " +%s", attributes[i].name);
            }
            if (transition->clear_attributes & attributes[i].bit) {
                g_string_append_printf(text, " -%s", attributes[i].name);
            }
        }
    }
    if (text->len == 0) {
        g_string_append(text, "as is");
    }
    return g_strstrip(g_string_free(text, FALSE));
}

static void print_transition(GString *text, ZoneState state, ZoneEvent event)
{
    static const char *const wp_names[] = {
        [ZONE_WP_KEEP] = "keep",
        [ZONE_WP_START] = "start",
        [ZONE_WP_COMMIT] = "commit",
    };
    const ZoneTransition *transition = zone_transition(state, event);
    g_autofree char *changes = attributes_str(transition);

    g_string_append_printf(text, row, zone_event_str(event),
                           zone_state_str(state),
                           zone_state_str(transition->next),
                           delta_str(transition->open_delta),
                           delta_str(transition->active_delta),
                           wp_names[transition->wp], changes);
}

/* "Close: Empty, Full (why)" for each reason an event is refused for */
static void print_refusals(GString *text, ZoneEvent event)
{
    int refusal;
    size_t i;

    for (refusal = ZONE_OK + 1; refusal < ZONE_STATUS__MAX; refusal++) {
        g_autoptr(GString) names = g_string_new(NULL);

        for (i = 0; i < G_N_ELEMENTS(states); i++) {
            if ((int)zone_transition(states[i], event)->refusal == refusal) {
                g_string_append_printf(names, "%s%s", names->len ? ", " : "",
                                       zone_state_str(states[i]));
            }
        }
        if (names->len) {
            g_string_append_printf(text, "- %s in %s:\n  %s\n",
                                   zone_event_str(event), names->str,
                                   zone_status_str(refusal));
        }
    }
}

static char *print_document(void)
{
    GString *text = g_string_new("\n");
    int event;
    size_t i;

    g_string_append(text, rule);
    g_string_append_printf(text, row, "Event", "From", "To", "Open", "Active",
                           "WP", "Attributes");
    g_string_append(text, rule);
    for (event = 0; event < ZONE_EVENT__MAX; event++) {
        for (i = 0; i < G_N_ELEMENTS(states); i++) {
            if (zone_transition(states[i], event)->refusal == ZONE_OK) {
                print_transition(text, states[i], event);
            }
        }
    }
    g_string_append(text, rule);
    g_string_append(text, "\nRefused:\n\n");
    for (event = 0; event < ZONE_EVENT__MAX; event++) {
        print_refusals(text, event);
    }
    g_string_append(text, "\n");
    return g_string_free(text, FALSE);
}

static void test_document(void)
{
    g_autofree char *expected = print_document();
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    char *begin, *end;

    if (!g_file_get_contents(document, &text, NULL, &error)) {
        g_test_message("%s", error->message);
        g_test_fail();
        return;
    }
    begin = strstr(text, BEGIN);
    end = strstr(text, END);
    if (!begin || !end || end < begin) {
        g_test_message("%s: no lines '%.*s' and '%.*s'", document,
                       (int)strlen(BEGIN) - 1, BEGIN,
                       (int)strlen(END) - 1, END);
        g_test_fail();
        return;
    }
    *end = 0;
    if (strcmp(begin + strlen(BEGIN), expected)) {
        g_test_message("%s: the table of transitions is not the code's; "
                       "the right one is what --print prints", document);
        g_test_fail();
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--print")) {
        g_autofree char *text = print_document();

        printf("%s", text);
        return 0;
    }
    g_test_init(&argc, &argv, NULL);
    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE | --print\n", argv[0]);
        return 2;
    }
    document = argv[1];
    g_test_add_func("/zone/doc/transitions", test_document);
    return g_test_run();
}
