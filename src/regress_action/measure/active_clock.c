/* Clocks that leave out the time in which a process was stopped.

   Preloaded into the processes of one side of a pair. REGRESS_CLOCK names a file of pages: the first holds the
   nanoseconds in which the side was stopped, which the measurer writes while it is stopped, how many processes have the
   file open, and whether this is a trial. In a page of its own each process counts the clock reads that it was served,
   and in a trial those of the processor's counter that nobody served. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#if !defined(__x86_64__) || !defined(__LP64__)
#error "only for x86-64, where the kernel can refuse the counter of the processor to a process"
#endif

#define SECOND 1000000000LL
#define PAGE 4096
#define PROCESSES 1023
#define MOST_COUNTED 1000

static int64_t nothing[3];
static int64_t *first_page = nothing;
static int64_t *served = nothing + 1;

/* The function that this one stands before. */
#define NEXT(name)                                                                                                     \
  ({                                                                                                                   \
    static __typeof__(&name) next;                                                                                     \
    if (!next) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                                      \
    next;                                                                                                              \
  })

/* A trial finds out who reads the counter of the processor: programs that take the time from there, and those that call
   by themselves the kernel's code for clocks that is mapped into each process. The kernel refuses it to the process, and
   the functions here read the clocks by system calls. */
static int is_trial;

static void refuse_counter(int refused) {
  if (is_trial && served[1] < MOST_COUNTED) prctl(PR_SET_TSC, refused ? PR_TSC_SIGSEGV : PR_TSC_ENABLE);
}

static void count_and_read(int number, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const unsigned char *code = (const unsigned char *)registers[REG_RIP];
  int is_general = info->si_code == SI_KERNEL;
  int is_rdtsc = is_general && code[0] == 0x0f && code[1] == 0x31;
  int is_rdtscp = is_general && code[0] == 0x0f && code[1] == 0x01 && code[2] == 0xf9;
  if (!is_rdtsc && !is_rdtscp) {
    signal(number, SIG_DFL); /* a fault of the program, which happens again and ends it */
    return;
  }
  unsigned processor;
  refuse_counter(0);
  uint64_t counter = __builtin_ia32_rdtscp(&processor);
  served[1] += 1;
  refuse_counter(1);
  registers[REG_RAX] = (uint32_t)counter;
  registers[REG_RDX] = counter >> 32;
  if (is_rdtscp) registers[REG_RCX] = processor;
  registers[REG_RIP] += is_rdtsc ? 2 : 3;
}

static int begin_trial(void) {
  struct sigaction action = {.sa_sigaction = count_and_read, .sa_flags = SA_SIGINFO | SA_RESTART};
  is_trial = !sigaction(SIGSEGV, &action, NULL) && !prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
  return is_trial;
}

__attribute__((constructor)) static void open_clock(void) {
  const char *path = getenv("REGRESS_CLOCK");
  int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) return;
  int64_t *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (shared != MAP_FAILED) {
    int64_t own = 1 + __atomic_fetch_add(shared + 1, 1, __ATOMIC_RELAXED) % PROCESSES;
    int64_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, own * PAGE);
    if (page != MAP_FAILED && (!shared[2] || begin_trial())) { /* else no read is counted, so that nothing is proven */
      __atomic_fetch_add(page, 0, __ATOMIC_RELAXED); /* so that the page is there before the first time is taken */
      served = page;
      first_page = shared;
    }
  }
  close(file);
}

static int64_t stopped_ns(void) { return __atomic_load_n(first_page, __ATOMIC_SEQ_CST); }

/* The clock that stands for `id`, -1 for one that counts CPU time and goes on by itself. A coarse clock lags behind the
   moment of a stop by up to a tick, so the exact one is read in its place. */
static clockid_t corrected_clock(clockid_t id) {
  switch (id) {
    case CLOCK_REALTIME_COARSE: return CLOCK_REALTIME;
    case CLOCK_MONOTONIC_COARSE: return CLOCK_MONOTONIC;
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_BOOTTIME: return id;
    default: return -1;
  }
}

/* Nanoseconds of a clock without the time of the stops; -1 if the kernel refuses.

   A stop between the two reads of `stopped_ns` would give a time that is too late or too early, so it is read again.
   What a thread did between the measurer's note of a stop and the stop itself is kept from going back by `latest`. */
static int64_t corrected_ns(clockid_t id) {
  static __thread int64_t latest[CLOCK_BOOTTIME + 1] __attribute__((tls_model("initial-exec")));
  struct timespec now;
  int64_t left_out, ns;
  do {
    left_out = stopped_ns();
    if (is_trial ? syscall(SYS_clock_gettime, id, &now) : NEXT(clock_gettime)(id, &now)) return -1;
  } while (left_out != stopped_ns());
  ns = now.tv_sec * SECOND + now.tv_nsec - left_out;
  if (id != CLOCK_REALTIME) { /* which somebody may set back */
    if (ns < latest[id]) ns = latest[id];
    latest[id] = ns;
  }
  return ns;
}

int clock_gettime(clockid_t id, struct timespec *time) {
  clockid_t clock = corrected_clock(id);
  if (clock < 0) return NEXT(clock_gettime)(id, time);
  int64_t ns = corrected_ns(clock);
  if (ns < 0) return -1;
  *served += 1; /* two threads at once may lose a count, which does not matter */
  time->tv_sec = ns / SECOND;
  time->tv_nsec = ns % SECOND;
  return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
  *time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
  if (zone) *(struct timezone *)zone = (struct timezone){0, 0};
  return 0;
}

int timespec_get(struct timespec *time, int base) {
  if (base != TIME_UTC) return NEXT(timespec_get)(time, base);
  return clock_gettime(CLOCK_REALTIME, time) ? 0 : base;
}

/* Nobody times anything by whole seconds, so these reads are not counted. */
time_t time(time_t *kept) {
  time_t now = corrected_ns(CLOCK_REALTIME) / SECOND;
  if (kept) *kept = now;
  return now;
}

/* A deadline on a corrected clock, as one on the kernel's clock. */
static const struct timespec *later(const struct timespec *deadline, int64_t by_ns, struct timespec *shifted) {
  if (!deadline || deadline->tv_nsec < 0 || deadline->tv_nsec >= SECOND || deadline->tv_sec < 0) return deadline;
  int64_t ns = deadline->tv_nsec + by_ns % SECOND;
  shifted->tv_sec = deadline->tv_sec + by_ns / SECOND + ns / SECOND;
  shifted->tv_nsec = ns % SECOND;
  return shifted;
}

/* A wait until `deadline`: it goes on where the deadline passed while the process was stopped. */
#define WAIT(name, parameters, arguments, is_over)                                                                     \
  int name parameters {                                                                                                \
    struct timespec shifted;                                                                                           \
    int64_t left_out;                                                                                                  \
    int result;                                                                                                        \
    do {                                                                                                               \
      left_out = stopped_ns();                                                                                         \
      result = NEXT(name) arguments;                                                                                   \
    } while ((is_over) && left_out != stopped_ns());                                                                   \
    return result;                                                                                                     \
  }
#define DEADLINE later(deadline, left_out, &shifted)

WAIT(pthread_cond_timedwait, (pthread_cond_t *restrict it, pthread_mutex_t *restrict mutex,
     const struct timespec *restrict deadline), (it, mutex, DEADLINE), result == ETIMEDOUT)
WAIT(pthread_cond_clockwait, (pthread_cond_t *restrict it, pthread_mutex_t *restrict mutex, clockid_t clock,
     const struct timespec *restrict deadline), (it, mutex, clock, DEADLINE), result == ETIMEDOUT)
WAIT(pthread_mutex_timedlock, (pthread_mutex_t *restrict it, const struct timespec *restrict deadline),
     (it, DEADLINE), result == ETIMEDOUT)
WAIT(pthread_mutex_clocklock, (pthread_mutex_t *restrict it, clockid_t clock, const struct timespec *restrict deadline),
     (it, clock, DEADLINE), result == ETIMEDOUT)
WAIT(pthread_rwlock_timedrdlock, (pthread_rwlock_t *restrict it, const struct timespec *restrict deadline),
     (it, DEADLINE), result == ETIMEDOUT)
WAIT(pthread_rwlock_timedwrlock, (pthread_rwlock_t *restrict it, const struct timespec *restrict deadline),
     (it, DEADLINE), result == ETIMEDOUT)
WAIT(pthread_rwlock_clockrdlock, (pthread_rwlock_t *restrict it, clockid_t clock,
     const struct timespec *restrict deadline), (it, clock, DEADLINE), result == ETIMEDOUT)
WAIT(pthread_rwlock_clockwrlock, (pthread_rwlock_t *restrict it, clockid_t clock,
     const struct timespec *restrict deadline), (it, clock, DEADLINE), result == ETIMEDOUT)
WAIT(sem_timedwait, (sem_t *restrict it, const struct timespec *restrict deadline), (it, DEADLINE),
     result && errno == ETIMEDOUT)
WAIT(sem_clockwait, (sem_t *restrict it, clockid_t clock, const struct timespec *restrict deadline),
     (it, clock, DEADLINE), result && errno == ETIMEDOUT)

int clock_nanosleep(clockid_t id, int flags, const struct timespec *time, struct timespec *rest) {
  struct timespec shifted;
  int64_t left_out;
  int result;
  if (!(flags & TIMER_ABSTIME) || corrected_clock(id) < 0) return NEXT(clock_nanosleep)(id, flags, time, rest);
  do {
    left_out = stopped_ns();
    result = NEXT(clock_nanosleep)(id, flags, later(time, left_out, &shifted), rest);
  } while (!result && left_out != stopped_ns());
  return result;
}

int timerfd_settime(int file, int flags, const struct itimerspec *new, struct itimerspec *old) {
  struct itimerspec shifted;
  if (!(flags & TFD_TIMER_ABSTIME) || !new || !(new->it_value.tv_sec || new->it_value.tv_nsec))
    return NEXT(timerfd_settime)(file, flags, new, old);
  shifted = *new;
  shifted.it_value = *later(&new->it_value, stopped_ns(), &shifted.it_value);
  return NEXT(timerfd_settime)(file, flags, &shifted, old);
}

/* Rust and libstdc++ wait for a futex by number. */
long syscall(long number, ...) {
  long a[6];
  va_list list;
  va_start(list, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_clock_gettime && !is_trial) return clock_gettime((clockid_t)a[0], (struct timespec *)a[1]);
  if (number == SYS_futex && a[3] && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET) {
    struct timespec shifted;
    int64_t left_out;
    long result;
    do {
      left_out = stopped_ns();
      const struct timespec *deadline = later((const struct timespec *)a[3], left_out, &shifted);
      result = NEXT(syscall)(number, a[0], a[1], a[2], deadline, a[4], a[5]);
    } while (result && errno == ETIMEDOUT && left_out != stopped_ns());
    return result;
  }
  return NEXT(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* What a process becomes or begins inherits the refusal, but not the function that counts, until the library is there. */
#define BEGINS(type, name, parameters, arguments)                                                                      \
  type name parameters {                                                                                               \
    refuse_counter(0);                                                                                                 \
    type result = NEXT(name) arguments;                                                                                \
    refuse_counter(1);                                                                                                 \
    return result;                                                                                                     \
  }

BEGINS(int, execve, (const char *path, char *const words[], char *const variables[]), (path, words, variables))
BEGINS(int, execv, (const char *path, char *const words[]), (path, words))
BEGINS(int, execvp, (const char *name, char *const words[]), (name, words))
BEGINS(int, execvpe, (const char *name, char *const words[], char *const variables[]), (name, words, variables))
BEGINS(int, fexecve, (int file, char *const words[], char *const variables[]), (file, words, variables))
BEGINS(int, posix_spawn, (pid_t *restrict pid, const char *restrict path, const posix_spawn_file_actions_t *actions,
       const posix_spawnattr_t *restrict attributes, char *const words[restrict], char *const variables[restrict]),
       (pid, path, actions, attributes, words, variables))
BEGINS(int, posix_spawnp, (pid_t *restrict pid, const char *restrict name, const posix_spawn_file_actions_t *actions,
       const posix_spawnattr_t *restrict attributes, char *const words[restrict], char *const variables[restrict]),
       (pid, name, actions, attributes, words, variables))
BEGINS(int, system, (const char *line), (line))
BEGINS(FILE *, popen, (const char *line, const char *mode), (line, mode))
