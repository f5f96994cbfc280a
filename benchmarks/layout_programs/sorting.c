// Insertion sort of short arrays.
#define REPETITIONS 1500

void fill(int *a, int n, unsigned seed);
void sort(int *a, int n);
int sum(const int *a, int n);

// function
__attribute__((noinline)) void fill(int *a, int n, unsigned seed) {
    for (int i = 0; i < n; i++) {
        seed = seed * 1103515245u + 12345u;
        a[i] = (int)(seed >> 8);
    }
}
// function
__attribute__((noinline)) void sort(int *a, int n) {
    for (int i = 1; i < n; i++) {
        int value = a[i], j = i;
        while (j > 0 && a[j - 1] > value) {
            a[j] = a[j - 1];
            j--;
        }
        a[j] = value;
    }
}
// function
__attribute__((noinline)) int sum(const int *a, int n) {
    int total = 0;
    for (int i = 0; i < n; i++) total ^= a[i];
    return total;
}
// function
int main(void) {
    static int a[400];
    int total = 0;
    for (int i = 0; i < FACTOR * REPETITIONS; i++) {
        fill(a, 400, (unsigned)i);
        sort(a, 400);
        total ^= sum(a, 400);
    }
    return total == 42;
}
