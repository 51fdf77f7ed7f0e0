/* A disk whose every sync waits until another thread of the process has done something: the file named by PASSED. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int wait_for_others(int descriptor) {
    const char *syncing = getenv("SYNCING"), *passed = getenv("PASSED");
    if (syncing == NULL || passed == NULL || access(syncing, F_OK) == 0)
        return 0;
    close(open(syncing, O_CREAT | O_WRONLY, 0600));
    for (int tries = 0; access(passed, F_OK) != 0; tries++) {
        if (tries > 2000)
            abort(); /* 20 s: nobody else ran */
        usleep(10000);
    }
    return descriptor < 0;
}

int fsync(int descriptor) { return wait_for_others(descriptor); }
int fdatasync(int descriptor) { return wait_for_others(descriptor); }
