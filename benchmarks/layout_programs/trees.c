// Unbalanced binary trees: dependent loads and unpredictable branches.
#define REPETITIONS 90
#define NODES 4096

struct node {
    struct node *left, *right;
    int key;
};
struct node *insert(struct node *tree, struct node *new);
int depth(const struct node *tree, int key);
static struct node nodes[NODES];

// function
__attribute__((noinline)) struct node *insert(struct node *tree, struct node *new) {
    struct node **place = &tree;
    while (*place) place = new->key < (*place)->key ? &(*place)->left : &(*place)->right;
    *place = new;
    return tree;
}
// function
__attribute__((noinline)) int depth(const struct node *tree, int key) {
    int steps = 0;
    while (tree && tree->key != key) {
        tree = key < tree->key ? tree->left : tree->right;
        steps++;
    }
    return steps;
}
// function
int main(void) {
    int total = 0;
    for (int i = 0; i < FACTOR * REPETITIONS; i++) {
        struct node *tree = 0;
        unsigned x = (unsigned)i + 1;
        for (int n = 0; n < NODES; n++) {
            x = x * 1664525u + 1013904223u;
            nodes[n].left = nodes[n].right = 0;
            nodes[n].key = (int)(x >> 4);
            tree = insert(tree, &nodes[n]);
        }
        total ^= depth(tree, nodes[NODES - 1].key);
    }
    return total == 42;
}
