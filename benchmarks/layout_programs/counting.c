// Two loops over the bytes of a text, with branches.
#define REPETITIONS 1200

void write_letters(char *text, int n);
int vowels(const char *text, int n);
int rises(const char *text, int n);

// function
__attribute__((noinline)) void write_letters(char *text, int n) {
    for (int i = 0; i < n; i++) text[i] = (char)('a' + (i * 7 + i / 13) % 26);
}
// function
__attribute__((noinline)) int vowels(const char *text, int n) {
    int count = 0;
    for (int i = 0; i < n; i++) switch (text[i]) {
            case 'a':
            case 'e':
            case 'i':
            case 'o':
            case 'u':
                count++;
        }
    return count;
}
// function
__attribute__((noinline)) int rises(const char *text, int n) {
    int count = 0;
    for (int i = 1; i < n; i++)
        if (text[i] > text[i - 1]) count++;
    return count;
}
// function
int main(void) {
    static char text[20000];
    long count = 0;
    write_letters(text, 20000);
    for (int i = 0; i < FACTOR * REPETITIONS; i++) {
        text[i % 20000] ^= 1;
        count += vowels(text, 20000) + rises(text, 20000);
    }
    return count == 42;
}
