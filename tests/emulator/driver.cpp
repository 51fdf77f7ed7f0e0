// A CUDA driver whose GPU is this machine's own memory: libcuda.so.1 for tests where no GPU is.
//
// It keeps the laws that real drivers keep and that our code must: a context is current by thread; work on a stream is
// done later, in order, by another thread, while streams know nothing of each other but by events; pinned memory is
// read when its turn comes, pageable memory when it is handed over; what touches memory that is not there (any more)
// breaks the context for good; a stream that records takes no call that waits; memory is finite, and all of it is counted. Its kernels are functions of the host (cuLaunchHostFunc,
// which the emulated TensorRT uses); a kernel of a module writes where nobody may. What it does not know answers
// CUDA_ERROR_NOT_SUPPORTED. It shows nothing of a GPU's speed.
//
// Environment: EMULATED_GPU_MIB memory (4096), EMULATED_GPU_DELAY_US the longest wait before each piece of work (0),
// EMULATED_STICKY_POP=1 a lost context cannot be popped (drivers differ in that; pycuda then aborts the thread's end).
#include <cuda.h>

#include <dlfcn.h>

#include "work.hpp"

#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#define API extern "C" __attribute__((visibility("default"))) CUresult

namespace {

const bool sticky_pop = setting("EMULATED_STICKY_POP", 0);
const size_t total_bytes = setting("EMULATED_GPU_MIB", 4096) << 20;

std::mutex memory_lock;
std::map<uintptr_t, size_t> on_device, pinned;  // address -> bytes
size_t used_bytes = 0;

int context_object, module_object, function_object;
thread_local std::vector<CUcontext> stack;

bool holds_locked(const std::map<uintptr_t, size_t>& blocks, uintptr_t address, size_t bytes) {
    auto after = blocks.upper_bound(address);
    if (after == blocks.begin()) return false;
    auto block = std::prev(after);
    return address + bytes <= block->first + block->second;
}

bool is_pinned(const void* pointer, size_t bytes) {
    std::lock_guard<std::mutex> guard(memory_lock);
    return holds_locked(pinned, reinterpret_cast<uintptr_t>(pointer), bytes);
}

CUresult state() {
    if (broken) return static_cast<CUresult>(broken.load());
    return stack.empty() ? CUDA_ERROR_INVALID_CONTEXT : CUDA_SUCCESS;
}

// Calls that wait, and events, are no part of a recording here; real drivers refuse the former and spoil the recording.
#define NOT_RECORDING(stream) \
    if (stream_of(stream)->capture) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED

#define AT_WORK                                   \
    if (CUresult now = state(); now != CUDA_SUCCESS) return now

std::mutex streams_lock;
std::map<Stream*, std::shared_ptr<Line>> streams;
Host* const host = new Host();  // never destroyed: lines ask it to the end

Stream* stream_of(CUstream handle) {
    static Stream* usual = [] {
        auto made = new Stream();
        std::lock_guard<std::mutex> guard(streams_lock);
        streams[made] = made->line;
        return made;
    }();
    return handle ? reinterpret_cast<Stream*>(handle) : usual;
}

Event* event_of(CUevent handle) { return reinterpret_cast<Event*>(handle); }

enum Where { anywhere, in_pinned, on_gpu };  // anywhere: the caller waits, or it was staged

bool there(Where where, uintptr_t address, size_t bytes) {
    return where == anywhere || holds_locked(where == on_gpu ? on_device : pinned, address, bytes);
}

void copy(uintptr_t to, Where to_where, uintptr_t from, Where from_where, size_t bytes) {
    std::lock_guard<std::mutex> guard(memory_lock);  // nobody frees it meanwhile
    if (there(to_where, to, bytes) && there(from_where, from, bytes))
        std::memcpy(reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), bytes);
    else
        broken = CUDA_ERROR_ILLEGAL_ADDRESS;
}

uintptr_t address(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

CUresult take(size_t bytes, std::map<uintptr_t, size_t>& blocks, void** out) {
    std::lock_guard<std::mutex> guard(memory_lock);
    if (!bytes) return CUDA_ERROR_INVALID_VALUE;
    if (&blocks == &on_device && used_bytes + bytes > total_bytes) return CUDA_ERROR_OUT_OF_MEMORY;
    void* block = std::aligned_alloc(512, (bytes + 511) / 512 * 512);
    if (!block) return CUDA_ERROR_OUT_OF_MEMORY;
    std::memset(block, 0xA5, bytes);  // nobody may count on zeros
    blocks[address(block)] = bytes;
    if (&blocks == &on_device) used_bytes += bytes;
    *out = block;
    return CUDA_SUCCESS;
}

CUresult give_back(uintptr_t block, std::map<uintptr_t, size_t>& blocks) {
    std::lock_guard<std::mutex> guard(memory_lock);
    auto found = blocks.find(block);
    if (found == blocks.end()) return CUDA_ERROR_INVALID_VALUE;
    if (&blocks == &on_device) used_bytes -= found->second;
    blocks.erase(found);
    std::free(reinterpret_cast<void*>(block));
    return CUDA_SUCCESS;
}

}  // namespace

// --- driver and device ---------------------------------------------------------------------------------------

API cuInit(unsigned int) { return CUDA_SUCCESS; }
API cuDriverGetVersion(int* version) { return *version = 13000, CUDA_SUCCESS; }
API cuDeviceGetCount(int* count) { return *count = 1, CUDA_SUCCESS; }
API cuDeviceGet(CUdevice* device, int number) {
    return number ? CUDA_ERROR_INVALID_DEVICE : (*device = 0, CUDA_SUCCESS);
}
API cuDeviceGetName(char* name, int room, CUdevice) {
    return std::strncpy(name, "emulated GPU (host memory)", room), CUDA_SUCCESS;
}
API cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice) {
    *value = attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR   ? 8
             : attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR ? 9
                                                                         : 1;
    return CUDA_SUCCESS;
}
API cuDeviceComputeCapability(int* major, int* minor, CUdevice) { return *major = 8, *minor = 9, CUDA_SUCCESS; }
API cuDeviceTotalMem_v2(size_t* bytes, CUdevice) { return *bytes = total_bytes, CUDA_SUCCESS; }
API cuDeviceGetPCIBusId(char* name, int room, CUdevice) {
    return std::strncpy(name, "0000:00:00.0", room), CUDA_SUCCESS;
}
API cuGetErrorName(CUresult error, const char** words) {
    *words = error == CUDA_ERROR_ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS"
             : error == CUDA_ERROR_OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY"
                                                 : "CUDA_ERROR";
    return CUDA_SUCCESS;
}
API cuGetErrorString(CUresult error, const char** words) {
    *words = error == CUDA_SUCCESS                  ? "no error"
             : error == CUDA_ERROR_ILLEGAL_ADDRESS  ? "an illegal memory access was encountered"
             : error == CUDA_ERROR_OUT_OF_MEMORY    ? "out of memory"
             : error == CUDA_ERROR_INVALID_CONTEXT  ? "invalid device context"
             : error == CUDA_ERROR_INVALID_VALUE    ? "invalid argument"
             : error == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED ? "operation not permitted when stream is capturing"
             : error == CUDA_ERROR_NOT_SUPPORTED    ? "operation not supported by the emulated driver"
                                                    : "error of the emulated driver";
    return CUDA_SUCCESS;
}

// --- contexts ------------------------------------------------------------------------------------------------

API cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice) {
    return *context = reinterpret_cast<CUcontext>(&context_object), CUDA_SUCCESS;
}
API cuDevicePrimaryCtxRelease_v2(CUdevice) { return CUDA_SUCCESS; }
API cuCtxDetach(CUcontext) { return CUDA_SUCCESS; }  // what pycuda's destructor calls, even of a primary context
API cuCtxPushCurrent_v2(CUcontext context) {
    return context ? (stack.push_back(context), CUDA_SUCCESS) : CUDA_ERROR_INVALID_CONTEXT;
}
API cuCtxPopCurrent_v2(CUcontext* context) {
    if (sticky_pop && broken) return state();
    if (stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
    if (context) *context = stack.back();
    stack.pop_back();
    return CUDA_SUCCESS;
}
API cuCtxGetCurrent(CUcontext* context) { return *context = stack.empty() ? nullptr : stack.back(), CUDA_SUCCESS; }
API cuCtxGetDevice(CUdevice* device) { return stack.empty() ? CUDA_ERROR_INVALID_CONTEXT : (*device = 0, CUDA_SUCCESS); }
API cuCtxGetApiVersion(CUcontext, unsigned int* version) { return *version = 13000, CUDA_SUCCESS; }
API cuCtxSynchronize() {
    AT_WORK;
    std::map<Stream*, std::shared_ptr<Line>> now;
    {
        std::lock_guard<std::mutex> guard(streams_lock);
        now = streams;
    }
    for (auto& [stream, line] : now) line->wait();
    return state();
}

// --- memory --------------------------------------------------------------------------------------------------

API cuMemGetInfo_v2(size_t* free, size_t* total) {
    AT_WORK;
    std::lock_guard<std::mutex> guard(memory_lock);
    return *free = total_bytes - used_bytes, *total = total_bytes, CUDA_SUCCESS;
}
API cuMemAlloc_v2(CUdeviceptr* block, size_t bytes) {
    AT_WORK;
    return take(bytes, on_device, reinterpret_cast<void**>(block));
}
API cuMemFree_v2(CUdeviceptr block) {
    AT_WORK;
    return give_back(block, on_device);
}
API cuMemHostAlloc(void** block, size_t bytes, unsigned int) {
    AT_WORK;
    return take(bytes, pinned, block);
}
API cuMemFreeHost(void* block) {
    AT_WORK;
    return give_back(address(block), pinned);
}

API cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
    AT_WORK;
    if (is_pinned(from, bytes)) {
        stream_of(stream)->put([=] { copy(to, on_gpu, address(from), in_pinned, bytes); });
        return CUDA_SUCCESS;
    }
    NOT_RECORDING(stream);
    auto staged = std::make_shared<std::string>(static_cast<const char*>(from), bytes);
    stream_of(stream)->put([=] { copy(to, on_gpu, address(staged->data()), anywhere, bytes); });
    return CUDA_SUCCESS;
}
API cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
    AT_WORK;
    if (is_pinned(to, bytes)) {
        stream_of(stream)->put([=] { copy(address(to), in_pinned, from, on_gpu, bytes); });
        return CUDA_SUCCESS;
    }
    NOT_RECORDING(stream);
    stream_of(stream)->put([=] { copy(address(to), anywhere, from, on_gpu, bytes); });
    stream_of(stream)->line->wait();
    return state();
}
API cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
    AT_WORK;
    stream_of(stream)->put([=] { copy(to, on_gpu, from, on_gpu, bytes); });
    return CUDA_SUCCESS;
}
API cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t bytes) {
    AT_WORK;
    copy(to, on_gpu, address(from), anywhere, bytes);
    return state();
}
API cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t bytes) {
    AT_WORK;
    copy(address(to), anywhere, from, on_gpu, bytes);
    return state();
}

// --- streams, events, kernels --------------------------------------------------------------------------------

API cuCtxGetStreamPriorityRange(int* least, int* greatest) {
    AT_WORK;
    return *least = 0, *greatest = -5, CUDA_SUCCESS;
}
API cuStreamCreateWithPriority(CUstream* stream, unsigned int, int priority) {
    AT_WORK;
    auto made = new Stream();
    made->priority = priority;
    std::lock_guard<std::mutex> guard(streams_lock);
    streams[made] = made->line;
    return *stream = reinterpret_cast<CUstream>(made), CUDA_SUCCESS;
}
API cuStreamCreate(CUstream* stream, unsigned int flags) { return cuStreamCreateWithPriority(stream, flags, 0); }
API cuStreamGetPriority(CUstream stream, int* priority) { return *priority = stream_of(stream)->priority, CUDA_SUCCESS; }
API cuStreamDestroy_v2(CUstream handle) {
    auto stream = stream_of(handle);
    std::lock_guard<std::mutex> guard(streams_lock);
    streams.erase(stream);
    stream->line->close();
    delete stream;
    return CUDA_SUCCESS;
}
API cuStreamSynchronize(CUstream stream) {
    AT_WORK;
    NOT_RECORDING(stream);
    stream_of(stream)->line->wait();
    return state();
}
API cuStreamQuery(CUstream stream) {
    AT_WORK;
    NOT_RECORDING(stream);
    return stream_of(stream)->line->idle() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}
API cuStreamWaitEvent(CUstream stream, CUevent event, unsigned int) {
    AT_WORK;
    NOT_RECORDING(stream);
    if (auto moment = event_of(event)->last) stream_of(stream)->put([moment] { moment->wait(); });
    return CUDA_SUCCESS;
}
API cuEventCreate(CUevent* event, unsigned int) {
    AT_WORK;
    return *event = reinterpret_cast<CUevent>(new Event()), CUDA_SUCCESS;
}
API cuEventDestroy_v2(CUevent event) { return delete event_of(event), CUDA_SUCCESS; }
API cuEventRecord(CUevent event, CUstream stream) {
    AT_WORK;
    NOT_RECORDING(stream);
    auto moment = std::make_shared<Moment>();
    event_of(event)->last = moment;
    // Reached even when the context breaks: who waits for it must learn of that.
    auto sure = std::shared_ptr<void>(nullptr, [moment](void*) { moment->reach(); });
    stream_of(stream)->put([sure] {});
    return CUDA_SUCCESS;
}
API cuEventSynchronize(CUevent event) {
    AT_WORK;
    if (auto moment = event_of(event)->last) moment->wait();
    return state();
}
API cuEventQuery(CUevent event) {
    AT_WORK;
    auto moment = event_of(event)->last;
    if (!moment) return CUDA_SUCCESS;
    std::lock_guard<std::mutex> guard(moment->lock);
    return moment->done ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}
API cuEventElapsedTime_v2(float* ms, CUevent first, CUevent second) {
    AT_WORK;
    auto from = event_of(first)->last, to = event_of(second)->last;
    if (!from || !to) return CUDA_ERROR_INVALID_HANDLE;
    return *ms = std::chrono::duration<float, std::milli>(to->when - from->when).count(), CUDA_SUCCESS;
}
API cuLaunchHostFunc(CUstream stream, CUhostFn function, void* data) {
    AT_WORK;
    stream_of(stream)->put([=] { host->call([=] { function(data); }); });
    return CUDA_SUCCESS;
}
API cuModuleLoadDataEx(CUmodule* module, const void*, unsigned int, CUjit_option*, void**) {
    AT_WORK;
    return *module = reinterpret_cast<CUmodule>(&module_object), CUDA_SUCCESS;
}
API cuModuleUnload(CUmodule) { return CUDA_SUCCESS; }
API cuModuleGetFunction(CUfunction* function, CUmodule, const char*) {
    AT_WORK;
    return *function = reinterpret_cast<CUfunction>(&function_object), CUDA_SUCCESS;
}
API cuFuncSetBlockShape(CUfunction, int, int, int) { return CUDA_SUCCESS; }
API cuLaunchKernel(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream stream,
                   void**, void**) {
    AT_WORK;
    stream_of(stream)->put([] { broken = CUDA_ERROR_ILLEGAL_ADDRESS; });
    return CUDA_SUCCESS;
}

// For the emulated TensorRT: what a kernel does that writes where nobody may.
extern "C" __attribute__((visibility("default"))) void emulatedBreak() { broken = CUDA_ERROR_ILLEGAL_ADDRESS; }
extern "C" __attribute__((visibility("default"))) void emulatedEnd() { host->end(); }

// --- graphs --------------------------------------------------------------------------------------------------

API cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode) {
    AT_WORK;
    stream_of(stream)->capture = std::make_unique<Graph>();
    return CUDA_SUCCESS;
}
API cuStreamEndCapture(CUstream stream, CUgraph* graph) {
    AT_WORK;
    auto recorded = stream_of(stream)->capture.release();
    if (!recorded) return CUDA_ERROR_ILLEGAL_STATE;
    return *graph = reinterpret_cast<CUgraph>(recorded), CUDA_SUCCESS;
}
API cuGraphInstantiateWithFlags(CUgraphExec* ready, CUgraph graph, unsigned long long) {
    AT_WORK;
    return *ready = reinterpret_cast<CUgraphExec>(new Graph(*reinterpret_cast<Graph*>(graph))), CUDA_SUCCESS;
}
API cuGraphDestroy(CUgraph graph) { return delete reinterpret_cast<Graph*>(graph), CUDA_SUCCESS; }
API cuGraphExecDestroy(CUgraphExec graph) { return delete reinterpret_cast<Graph*>(graph), CUDA_SUCCESS; }
API cuGraphLaunch(CUgraphExec graph, CUstream stream) {
    AT_WORK;
    for (auto& work : reinterpret_cast<Graph*>(graph)->works) stream_of(stream)->put(work);
    return CUDA_SUCCESS;
}

// --- how cuda-bindings finds them ----------------------------------------------------------------------------

API cuGetProcAddress_v2(const char* symbol, void** function, int, cuuint64_t, CUdriverProcAddressQueryResult* found) {
    static void* self = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    std::string name = std::strcmp(symbol, "cuGraphInstantiate") ? symbol : "cuGraphInstantiateWithFlags";
    *function = nullptr;
    for (const char* version : {"_v4", "_v3", "_v2", ""})
        if (!*function) *function = dlsym(self, (name + version).c_str());
    if (found) *found = *function ? CU_GET_PROC_ADDRESS_SUCCESS : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
    return *function ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}
