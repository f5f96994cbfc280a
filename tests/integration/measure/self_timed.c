/* A suite that times itself: writes the seconds that a loop of CPU time took, by the clock of an argument.

   self_timed FILE loop|none|counter      and      self_timed FILE deadlines */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static double now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static struct timespec in_20_ms(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  time.tv_nsec += 20000000;
  time.tv_sec += time.tv_nsec / 1000000000;
  time.tv_nsec %= 1000000000;
  return time;
}

static int is_over(clockid_t clock, struct timespec deadline) {
  return now(clock) >= deadline.tv_sec + deadline.tv_nsec / 1e9;
}

#define WAITS(name, clock, ...)                                                                                        \
  {                                                                                                                    \
    struct timespec deadline = in_20_ms(clock);                                                                        \
    int was_over = is_over(clock, deadline);                                                                           \
    __VA_ARGS__;                                                                                                       \
    fprintf(out, "%s %s\n", name, was_over || is_over(clock, deadline) ? "in time" : "too early");                     \
  }

static void deadlines(FILE *out) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  sem_t semaphore;
  uint32_t word = 0;
  uint64_t expired;
  int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  sem_init(&semaphore, 0, 0);
  pthread_mutex_lock(&mutex);
  WAITS("condition", CLOCK_REALTIME, pthread_cond_timedwait(&condition, &mutex, &deadline))
  WAITS("mutex", CLOCK_REALTIME, pthread_mutex_timedlock(&mutex, &deadline))
  WAITS("semaphore", CLOCK_REALTIME, sem_timedwait(&semaphore, &deadline))
  WAITS("sleep", CLOCK_MONOTONIC, clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL))
  WAITS("futex", CLOCK_MONOTONIC,
        syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &deadline, NULL, FUTEX_BITSET_MATCH_ANY))
  WAITS("timer", CLOCK_MONOTONIC, {
    struct itimerspec at = {{0, 0}, deadline};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
    if (read(timer, &expired, sizeof expired) < 0) fputs("no timer\n", out);
  })
}

int main(int count, char **words) {
  FILE *out = count == 3 ? fopen(words[1], "w") : NULL;
  if (!out) return 2;
  if (!strcmp(words[2], "deadlines")) {
    deadlines(out);
  } else {
    int reads = strcmp(words[2], "none");
    double began = reads ? now(CLOCK_MONOTONIC) : 0;
    while (now(CLOCK_PROCESS_CPUTIME_ID) < 0.22) {
      if (!strcmp(words[2], "counter")) __builtin_ia32_rdtsc();
    }
    fprintf(out, "%.9f\n", reads ? now(CLOCK_MONOTONIC) - began : 0.22);
  }
  return fclose(out) != 0;
}
