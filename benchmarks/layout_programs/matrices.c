// The product of two matrices of 80 × 80 doubles.
#define REPETITIONS 120
#define N 80

void product(const double *a, const double *b, double *c);
double trace(const double *c);

// function
__attribute__((noinline)) void product(const double *a, const double *b, double *c) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double total = 0;
            for (int k = 0; k < N; k++) total += a[i * N + k] * b[k * N + j];
            c[i * N + j] = total;
        }
}
// function
__attribute__((noinline)) double trace(const double *c) {
    double total = 0;
    for (int i = 0; i < N; i++) total += c[i * N + i];
    return total;
}
// function
int main(void) {
    static double a[N * N], b[N * N], c[N * N];
    double total = 0;
    for (int i = 0; i < N * N; i++) {
        a[i] = i % 7;
        b[i] = i % 5;
    }
    for (int i = 0; i < FACTOR * REPETITIONS; i++) {
        a[i % (N * N)] += 1;
        product(a, b, c);
        total += trace(c);
    }
    return total == 42;
}
