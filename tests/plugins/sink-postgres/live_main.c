/* SPDX-License-Identifier: Apache-2.0 */
/* live_sink_postgres PLUGIN: against the server of $POSTGRES_URL, as a superuser, with certificates
 * for it in $POSTGRES_TLS_DIR. */
#include "live.h"

#include <stdio.h>
#include <stdlib.h>

static void clean(void)
{
    rig_sql("DROP TABLE IF EXISTS pipehost_positions, live");
    rig_disconnect();
}

static void disconnect(void)
{
    rig_disconnect();
}

int main(int argc, char **argv)
{
    if (argc != 2 || getenv("POSTGRES_URL") == NULL || getenv("POSTGRES_TLS_DIR") == NULL) {
        (void)fprintf(stderr, "usage: POSTGRES_URL=… POSTGRES_TLS_DIR=… %s PLUGIN.so\n", argv[0]);
        return 64;
    }
    rig_plugin = argv[1];
    Suite *suite = suite_create("sink-postgres live");
    TCase *cases[] = {types_tests(),   poison_tests(),  crowd_tests(), trial_tests(),
                      owner_tests(),   blocker_tests(), kept_tests(),  ahead_tests(),
                      durable_tests(), refusal_tests(), tls_tests()};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tcase_add_checked_fixture(cases[i], clean, disconnect);
        tcase_set_timeout(cases[i], 300);
        suite_add_tcase(suite, cases[i]);
    }
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
