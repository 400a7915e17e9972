/* A shared library that is no plugin. */
int assay_plugins(void);

int assay_plugins(void) {
    return 0;
}
