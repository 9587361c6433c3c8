"""NVIDIA's driver through its own package, cuda-bindings; imported only where GPU code is to run."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from cuda.bindings import driver as cuda
from numpy.typing import NDArray

from runtime.cuda.driver import Call, CudaError

NO_DRIVER = "no NVIDIA driver is installed, or it does not work"
_MESSAGES = {
    "CUDA_ERROR_NO_DEVICE": "there is no NVIDIA GPU, or CUDA_VISIBLE_DEVICES hides it",
    "CUDA_ERROR_INVALID_DEVICE": "there is no GPU of that number",
    "CUDA_ERROR_UNSUPPORTED_PTX_VERSION": (
        "the driver is too old for this PTX: update it, or compile where ptxas makes a cubin"
    ),
    "CUDA_ERROR_NO_BINARY_FOR_GPU": "the code was made for another GPU: compile the model again",
    "CUDA_ERROR_INVALID_PTX": "the driver refuses the PTX: compile the model again",
}


def _checked(function: Callable[..., Any], *arguments: object) -> Any:
    """What a function of the driver gives besides its status. CudaError or MemoryError, one line."""
    try:
        status, *results = function(*arguments)
    except RuntimeError as error:  # cuda-bindings finds no library
        raise CudaError(NO_DRIVER) from error
    if status != cuda.CUresult.CUDA_SUCCESS:
        name = str(getattr(status, "name", status))
        if name == "CUDA_ERROR_OUT_OF_MEMORY":
            raise MemoryError("the GPU has not enough memory: use fewer images at once")
        raise CudaError(f"{_MESSAGES.get(name, function.__name__ + ' failed')} ({name})")
    return results[0] if len(results) == 1 else results


class NvidiaGraph:
    """An instantiated CUDA graph of kernel launches."""

    def __init__(self, calls: list[Call], steps: list[int]) -> None:
        graph = _checked(cuda.cuGraphCreate, 0)
        try:
            self._nodes = _add_nodes(graph, calls, steps)
            self._graph = graph
            self._started = _checked(cuda.cuGraphInstantiate, graph, 0)
        except BaseException:
            _checked(cuda.cuGraphDestroy, graph)
            raise

    def change(self, node: int, call: Call) -> None:
        parameters, _kept = _node_parameters(call)
        _checked(cuda.cuGraphExecKernelNodeSetParams, self._started, self._nodes[node], parameters)

    def replay(self, stream: int) -> None:
        _checked(cuda.cuGraphLaunch, self._started, cuda.CUstream(stream))

    def close(self) -> None:
        _checked(cuda.cuGraphExecDestroy, self._started)
        _checked(cuda.cuGraphDestroy, self._graph)


class NvidiaDriver:
    """GPU number ``ordinal`` of those that CUDA_VISIBLE_DEVICES leaves, and its primary context."""

    def __init__(self, ordinal: int) -> None:
        """CudaError, one line, where there is no driver or no such GPU."""
        _checked(cuda.cuInit, 0)
        self._device = _checked(cuda.cuDeviceGet, ordinal)
        self.name = _checked(cuda.cuDeviceGetName, 256, self._device).decode().rstrip("\0")
        kinds = cuda.CUdevice_attribute
        self.capability = (
            self._attribute(kinds.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
            self._attribute(kinds.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
        )

    def _attribute(self, kind: object) -> int:
        return int(_checked(cuda.cuDeviceGetAttribute, kind, self._device))

    @cached_property
    def _context(self) -> Any:
        """The context that PyTorch uses too; kept until the process ends."""
        return _checked(cuda.cuDevicePrimaryCtxRetain, self._device)

    @contextmanager
    def current(self) -> Generator[None]:
        _checked(cuda.cuCtxPushCurrent, self._context)
        try:
            yield
        finally:
            _checked(cuda.cuCtxPopCurrent)

    def load(self, code: bytes) -> object:
        return _checked(cuda.cuModuleLoadData, code + b"\0")

    def unload(self, module: Any) -> None:
        _checked(cuda.cuModuleUnload, module)

    def kernel(self, module: Any, symbol: str, shared_bytes: int) -> object:
        kernel = _checked(cuda.cuModuleGetFunction, module, symbol.encode())
        if shared_bytes:
            kinds = cuda.CUdevice_attribute
            most = self._attribute(kinds.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)
            if shared_bytes > most:
                raise CudaError(
                    f"the kernel {symbol} takes {shared_bytes} bytes of shared memory, of which the GPU"
                    f" {self.name} gives {most}: compile the model for this GPU, with the target cuda"
                )
            limit = cuda.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            _checked(cuda.cuFuncSetAttribute, kernel, limit, shared_bytes)
        return kernel

    def allocate(self, size: int) -> int:
        return int(_checked(cuda.cuMemAlloc, size))

    def free(self, address: int) -> None:
        _checked(cuda.cuMemFree, cuda.CUdeviceptr(address))

    def allocate_pinned(self, size: int) -> NDArray[np.uint8]:
        address = int(_checked(cuda.cuMemHostAlloc, size, 0))
        return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))

    def free_pinned(self, array: NDArray[np.uint8]) -> None:
        _checked(cuda.cuMemFreeHost, array.ctypes.data)

    def open_stream(self) -> int:
        flag = cuda.CUstream_flags.CU_STREAM_NON_BLOCKING
        return int(_checked(cuda.cuStreamCreate, flag))

    def close_stream(self, stream: int) -> None:
        _checked(cuda.cuStreamDestroy, cuda.CUstream(stream))

    def upload(self, address: int, array: NDArray[np.uint8], stream: int) -> None:
        target = cuda.CUdeviceptr(address)
        _checked(cuda.cuMemcpyHtoDAsync, target, array.ctypes.data, array.size, cuda.CUstream(stream))

    def download(self, array: NDArray[np.uint8], address: int, stream: int) -> None:
        source = cuda.CUdeviceptr(address)
        _checked(cuda.cuMemcpyDtoHAsync, array.ctypes.data, source, array.size, cuda.CUstream(stream))

    def launch(self, call: Call, stream: int) -> None:
        _, pointers = _arguments(call)
        place = cuda.CUstream(stream)
        where = (*call.grid, call.block, 1, 1, call.shared_bytes, place, pointers.ctypes.data, 0)
        _checked(cuda.cuLaunchKernel, call.kernel, *where)

    def graph(self, calls: list[Call], steps: list[int]) -> NvidiaGraph:
        return NvidiaGraph(calls, steps)

    def wait(self, stream: int) -> None:
        _checked(cuda.cuStreamSynchronize, cuda.CUstream(stream))

    def wait_for_all(self) -> None:
        _checked(cuda.cuCtxSynchronize)


def _add_nodes(graph: Any, calls: list[Call], steps: list[int]) -> list[Any]:
    """A node for each call; it comes after all nodes of the step before its own."""
    nodes: list[Any] = []
    before: list[Any] = []
    now: list[Any] = []
    step = steps[0]
    for call, its_step in zip(calls, steps, strict=True):
        if its_step != step:
            before, now, step = now, [], its_step
        parameters, _kept = _node_parameters(call)
        now.append(_checked(cuda.cuGraphAddKernelNode, graph, before, len(before), parameters))
        nodes.append(now[-1])
    return nodes


def _arguments(call: Call) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The arguments, and the address of each: the driver copies them when a call is made or a node is set."""
    values = np.array([argument % 2**64 for argument in call.arguments], np.uint64)
    addresses = values.ctypes.data + 8 * np.arange(len(values), dtype=np.uint64)
    return values, addresses


def _node_parameters(call: Call) -> tuple[Any, object]:
    """A node's parameters, and what must live until they have been used."""
    kept = _arguments(call)
    parameters = cuda.CUDA_KERNEL_NODE_PARAMS()
    parameters.func = call.kernel
    parameters.gridDimX, parameters.gridDimY, parameters.gridDimZ = call.grid
    parameters.blockDimX, parameters.blockDimY, parameters.blockDimZ = call.block, 1, 1
    parameters.sharedMemBytes = call.shared_bytes
    parameters.kernelParams = kept[1].ctypes.data
    parameters.extra = 0
    return parameters, kept
