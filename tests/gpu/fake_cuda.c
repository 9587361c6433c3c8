/* A CUDA driver of a machine without a GPU: memory is the host's, streams do their work at once, and the only kernel
   is `add` of test_cuda_runtime.py. What the driver would refuse ends the process with a line on stderr. */

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int Status;
typedef struct { void *function; unsigned gx, gy, gz, bx, by, bz, shared; void **arguments, **extra; void *kern, *ctx; } Node;
typedef struct { void *graph; uint64_t values[8]; Node node; } Held;
typedef struct { Held *nodes[64]; int count; } Graph;

enum { SUCCESS = 0, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101, NOT_FOUND = 500 };
static int context_depth, shared_most;
static char device, context, module, function, stream, started;

#define REQUIRE(condition) if (!(condition)) { fprintf(stderr, "%s: not %s\n", __func__, #condition); abort(); }
#define CURRENT REQUIRE(context_depth > 0)

Status cuInit(unsigned flags) { REQUIRE(flags == 0); return getenv("FAKE_CUDA_NO_DEVICE") ? NO_DEVICE : SUCCESS; }
Status cuDriverGetVersion(int *version) { *version = 13000; return SUCCESS; }
Status cuDeviceGet(int *found, int ordinal) { *found = 7; return ordinal == 0 ? SUCCESS : INVALID_DEVICE; }
Status cuDeviceGetName(char *name, int size, int which) { REQUIRE(which == 7); strncpy(name, "Fake GPU", size); return SUCCESS; }
Status cuDeviceGetAttribute(int *value, int kind, int which) { REQUIRE(which == 7); *value = kind == 75 ? 8 : kind == 76 ? 6 : kind == 97 ? 101376 : -1; return SUCCESS; }
Status cuDevicePrimaryCtxRetain(void **found, int which) { REQUIRE(which == 7); *found = &context; return SUCCESS; }
Status cuCtxPushCurrent_v2(void *which) { REQUIRE(which == &context); context_depth++; return SUCCESS; }
Status cuCtxPopCurrent_v2(void **which) { CURRENT; *which = &context; context_depth--; return SUCCESS; }
Status cuCtxSynchronize(void) { CURRENT; return SUCCESS; }
Status cuModuleLoadData(void **loaded, const void *image) {
    CURRENT;
    REQUIRE(strstr(image, ".visible .entry add("));
    *loaded = &module;
    return SUCCESS;
}
Status cuModuleUnload(void *which) { CURRENT; REQUIRE(which == &module); return SUCCESS; }
Status cuModuleGetFunction(void **found, void *which, const char *name) {
    REQUIRE(which == &module);
    *found = &function;
    return strcmp(name, "add") ? NOT_FOUND : SUCCESS;
}
Status cuFuncSetAttribute(void *which, int kind, int value) { REQUIRE(which == &function && kind == 8); shared_most = value; return SUCCESS; }
Status cuMemAlloc_v2(uint64_t *address, size_t size) {
    CURRENT;
    REQUIRE(size > 0);
    *address = (uint64_t)aligned_alloc(256, (size + 255) / 256 * 256);
    return size > 1 << 20 ? OUT_OF_MEMORY : SUCCESS;
}
Status cuMemFree_v2(uint64_t address) { CURRENT; free((void *)address); return SUCCESS; }
Status cuMemHostAlloc(void **address, size_t size, unsigned flags) { CURRENT; REQUIRE(flags == 0); *address = malloc(size); return SUCCESS; }
Status cuMemFreeHost(void *address) { CURRENT; free(address); return SUCCESS; }
Status cuStreamCreate(void **made, unsigned flags) { CURRENT; REQUIRE(flags == 1); *made = &stream; return SUCCESS; }
Status cuStreamDestroy_v2(void *which) { REQUIRE(which == &stream); return SUCCESS; }
Status cuStreamSynchronize(void *which) { REQUIRE(which == &stream); return SUCCESS; }
Status cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t size, void *on) { CURRENT; REQUIRE(on == &stream); memcpy((void *)to, from, size); return SUCCESS; }
Status cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t size, void *on) { CURRENT; REQUIRE(on == &stream); memcpy(to, (void *)from, size); return SUCCESS; }

static void run(unsigned gx, unsigned gy, unsigned gz, unsigned block, const uint64_t *a) {
    REQUIRE(gx == 1 && gz == 1 && gy == a[7]);
    for (unsigned image = 0; image < gy; image++)
        for (unsigned i = 0; i < block; i++)
            ((uint8_t *)a[4])[image * a[5] + i] = ((uint8_t *)a[0])[image * a[1] + i] + *(uint8_t *)a[2] + (uint8_t)a[6];
}

static void copied(uint64_t *values, void **arguments) {
    for (int i = 0; i < 8; i++) values[i] = *(uint64_t *)arguments[i];
}

Status cuLaunchKernel(void *which, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                      unsigned shared, void *on, void **arguments, void **extra) {
    uint64_t values[8];
    CURRENT;
    REQUIRE(which == &function && by == 1 && bz == 1 && shared <= (unsigned)shared_most && on == &stream && !extra);
    copied(values, arguments);
    run(gx, gy, gz, bx, values);
    return SUCCESS;
}

static void set(Held *held, const Node *node) {
    REQUIRE(node->function == &function && node->by == 1 && node->bz == 1 && node->shared <= (unsigned)shared_most);
    REQUIRE(!node->extra && !node->kern && !node->ctx);
    held->node = *node;
    copied(held->values, node->arguments);
}

Status cuGraphCreate(void **made, unsigned flags) { REQUIRE(flags == 0); *made = calloc(1, sizeof(Graph)); return SUCCESS; }
Status cuGraphAddKernelNode_v2(void **made, Graph *graph, void **before, size_t count, const Node *node) {
    Held *held = calloc(1, sizeof(Held));
    CURRENT;
    REQUIRE(count == (graph->count ? 1 : 0));
    REQUIRE(!count || before[0] == graph->nodes[graph->count - 1]);
    set(held, node);
    graph->nodes[graph->count++] = *made = held;
    return SUCCESS;
}
Status cuGraphInstantiateWithFlags(void **made, Graph *graph, unsigned long long flags) { CURRENT; REQUIRE(flags == 0); *made = graph; return SUCCESS; }
Status cuGraphExecKernelNodeSetParams_v2(void *graph, Held *held, const Node *node) { set(held, node); return SUCCESS; }
Status cuGraphLaunch(Graph *graph, void *on) {
    CURRENT;
    REQUIRE(on == &stream);
    for (int i = 0; i < graph->count; i++) {
        Held *held = graph->nodes[i];
        run(held->node.gx, held->node.gy, held->node.gz, held->node.bx, held->values);
    }
    return SUCCESS;
}
Status cuGraphExecDestroy(void *graph) { CURRENT; return SUCCESS; }
Status cuGraphDestroy(void *graph) { free(graph); return SUCCESS; }

Status cuGetErrorName(Status error, const char **name) { *name = "CUDA_ERROR"; return SUCCESS; }

Status cuGetProcAddress_v2(const char *symbol, void **found, int version, uint64_t flags, int *status) {
    static const char *const suffixes[] = {"_v2", "", "WithFlags"};
    char name[128];
    *found = NULL;
    for (int i = 0; i < 3 && !*found; i++) {
        snprintf(name, sizeof name, "%s%s", symbol, suffixes[i]);
        *found = dlsym(RTLD_DEFAULT, name);
    }
    if (status) *status = *found ? 0 : 1;
    return *found ? SUCCESS : NOT_FOUND;
}
