/* Memory that Python may read and cannot write, and that ends where it should. */
#include <stddef.h>

#include "native.h"

typedef struct native_bytes {
    PyObject_HEAD PyObject *owner;
    Py_buffer source; /* of a window over another object's buffer */
    bool has_source;
    const void *data;
    const char *format;
    Py_ssize_t item_size, n_dims, shape[2], strides[2], n_bytes;
} native_bytes;

static int get_buffer(PyObject *self, Py_buffer *out, int flags) {
    native_bytes *b = (native_bytes *)self;
    bool is_strided = b->n_dims == 2 && b->strides[0] != b->shape[1] * b->item_size;
    out->obj = NULL;
    if ((flags & PyBUF_WRITABLE) != 0) {
        PyErr_SetString(PyExc_BufferError, "this memory is read-only");
        return -1;
    }
    if (is_strided && (flags & PyBUF_STRIDES) != PyBUF_STRIDES) {
        PyErr_SetString(PyExc_BufferError, "this memory is not contiguous");
        return -1;
    }
    *out = (Py_buffer){.buf = (void *)(uintptr_t)b->data,
                       .obj = native_new_ref(self),
                       .len = b->n_bytes,
                       .itemsize = b->item_size,
                       .readonly = 1,
                       .ndim = (int)b->n_dims,
                       .format = (flags & PyBUF_FORMAT) != 0 ? (char *)(uintptr_t)b->format : NULL,
                       .shape = (flags & PyBUF_ND) != 0 ? b->shape : NULL,
                       .strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? b->strides : NULL};
    return 0;
}

static void bytes_dealloc(PyObject *self) {
    native_bytes *b = (native_bytes *)self;
    if (b->has_source)
        PyBuffer_Release(&b->source);
    Py_XDECREF(b->owner);
    Py_TYPE(self)->tp_free(self);
}

static PyBufferProcs bytes_buffer = {.bf_getbuffer = get_buffer};

/* No attribute of it, and nothing that the garbage collector knows of it, leads to the owner. */
PyTypeObject native_bytes_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "assay._native.Memory",
    .tp_basicsize = sizeof(native_bytes),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_dealloc = bytes_dealloc,
    .tp_as_buffer = &bytes_buffer,
};

static native_bytes *create(const void *data, const char *format, size_t item_size) {
    static const char nothing[16];
    native_bytes *b = PyObject_New(native_bytes, &native_bytes_type);
    if (b == NULL)
        return NULL;
    b->owner = NULL;
    b->has_source = false;
    b->data = data == NULL ? nothing : data;
    b->format = format;
    b->item_size = (Py_ssize_t)item_size;
    return b;
}

PyObject *native_bytes_of(PyObject *owner, const void *data, size_t n_bytes) {
    native_bytes *b = create(data, "B", 1);
    if (b == NULL)
        return NULL;
    b->owner = native_new_ref(owner);
    b->n_dims = 1;
    b->shape[0] = b->n_bytes = (Py_ssize_t)n_bytes;
    b->strides[0] = 1;
    return (PyObject *)b;
}

static void set_table(native_bytes *b, size_t n_columns, size_t n_rows, size_t stride) {
    b->n_dims = 2;
    b->shape[0] = (Py_ssize_t)n_columns;
    b->shape[1] = (Py_ssize_t)n_rows;
    b->strides[0] = (Py_ssize_t)stride;
    b->strides[1] = b->item_size;
    b->n_bytes = b->shape[0] * b->shape[1] * b->item_size;
}

PyObject *native_table_of(PyObject *owner, const void *data, const char *format, size_t item_size,
                          size_t n_columns, size_t n_rows, size_t stride) {
    native_bytes *b = create(data, format, item_size);
    if (b == NULL)
        return NULL;
    b->owner = native_new_ref(owner);
    set_table(b, n_columns, n_rows, stride);
    return (PyObject *)b;
}

PyObject *native_window(PyObject *module, PyObject *args) {
    PyObject *object;
    Py_ssize_t n;
    (void)module;
    if (!PyArg_ParseTuple(args, "On", &object, &n))
        return NULL;
    native_bytes *b = create(NULL, "B", 1);
    if (b == NULL)
        return NULL;
    if (PyObject_GetBuffer(object, &b->source, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) != 0) {
        Py_DECREF(b);
        return NULL;
    }
    b->has_source = true;
    b->data = b->source.buf;
    b->format = b->source.format;
    b->item_size = b->source.itemsize;
    Py_ssize_t n_dims = b->source.ndim, n_rows = n_dims > 0 ? b->source.shape[n_dims - 1] : 0;
    if (n_dims < 1 || n_dims > 2 || n < 0 || n > n_rows) {
        PyErr_Format(PyExc_ValueError, "a window of %zd rows over %zd rows", n, n_rows);
        Py_DECREF(b);
        return NULL;
    }
    if (n_dims == 2) {
        set_table(b, (size_t)b->source.shape[0], (size_t)n, (size_t)(n_rows * b->item_size));
    } else {
        b->n_dims = 1;
        b->shape[0] = n;
        b->strides[0] = b->item_size;
        b->n_bytes = n * b->item_size;
    }
    return (PyObject *)b;
}

/* --- NumPy, which is asked and not linked --- */

static PyObject *from_buffer, *float64;

bool native_arrays_init(void) {
    PyObject *numpy = PyImport_ImportModule("numpy");
    PyObject *dtype = numpy == NULL ? NULL : PyObject_GetAttrString(numpy, "dtype");
    from_buffer = numpy == NULL ? NULL : PyObject_GetAttrString(numpy, "frombuffer");
    float64 = dtype == NULL ? NULL : PyObject_CallFunction(dtype, "s", "f8");
    Py_XDECREF(dtype);
    Py_XDECREF(numpy);
    return from_buffer != NULL && float64 != NULL;
}

PyObject *native_array_of(const double *values, size_t n) {
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)values, (Py_ssize_t)(n * sizeof *values));
    PyObject *array = bytes == NULL ? NULL : PyObject_CallFunctionObjArgs(from_buffer, bytes, float64, NULL);
    Py_XDECREF(bytes);
    return array;
}
