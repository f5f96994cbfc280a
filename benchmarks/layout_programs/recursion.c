// Calls and returns: Fibonacci and Ackermann.
#define REPETITIONS 200

int fibonacci(int n);
int ackermann(int m, int n);

// function
__attribute__((noinline)) int fibonacci(int n) {
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}
// function
__attribute__((noinline)) int ackermann(int m, int n) {
    if (m == 0) return n + 1;
    return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}
// function
int main(void) {
    int total = 0;
    for (int i = 0; i < FACTOR * REPETITIONS; i++) total += fibonacci(22) ^ ackermann(2, 60);
    return total == 42;
}
