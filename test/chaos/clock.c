/* LD_PRELOAD: the wall clock of one process, shifted by CHAOS_CLOCK_SHIFT seconds, or by what the file CHAOS_CLOCK_FILE says
 * at the moment; clocks that only run stay. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long shift_in(const char* file) {
    char text[32] = "";
    const int opened = open(file, O_RDONLY);
    if (opened < 0) return 0;
    const ssize_t got = read(opened, text, sizeof text - 1);
    close(opened);
    return got > 0 ? atol(text) : 0;
}

static long shift(void) {
    const char* file = getenv("CHAOS_CLOCK_FILE");
    if (file != NULL) return shift_in(file);
    const char* text = getenv("CHAOS_CLOCK_SHIFT");
    return text == NULL ? 0 : atol(text);
}

int clock_gettime(clockid_t clock, struct timespec* out) {
    const int status = (int)syscall(SYS_clock_gettime, clock, out);
    if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) out->tv_sec += shift();
    return status;
}

time_t time(time_t* out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) *out = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval* restrict out, void* restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}
