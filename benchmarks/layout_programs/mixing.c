// Integer arithmetic through three small functions.
#define REPETITIONS 6000000

unsigned long shift(unsigned long x);
unsigned long multiply(unsigned long x);
unsigned long divide(unsigned long x);

// function
__attribute__((noinline)) unsigned long shift(unsigned long x) {
    x ^= x << 13;
    x ^= x >> 7;
    return x ^ (x << 17);
}
// function
__attribute__((noinline)) unsigned long multiply(unsigned long x) {
    return x * 6364136223846793005UL + 1442695040888963407UL;
}
// function
__attribute__((noinline)) unsigned long divide(unsigned long x) {
    return (x & 1) ? x / 2 + 77 : x / 3 + 5;
}
// function
int main(void) {
    unsigned long x = 88172645463325252UL;
    for (long i = 0; i < FACTOR * REPETITIONS; i++) x = divide(multiply(shift(x)));
    return x == 42;
}
