// A disk that fails on demand: preloaded into the child of the failing disk test. While the file named by
// SELVEDGE_SHIM exists, the calls that it names fail with EIO for files below SELVEDGE_CHILD_DIRECTORY. A failed sync
// takes away what was not synced before, as a kernel may that gave up on writing a page.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define DESCRIPTORS 4096
static off_t synced_bytes[DESCRIPTORS];
static ino_t synced_file[DESCRIPTORS];

static int ordered(const char *call) {
    const char *control = getenv("SELVEDGE_SHIM");
    char said[32] = {0};
    int file = control ? syscall(SYS_openat, AT_FDCWD, control, O_RDONLY) : -1;
    if (file < 0) return 0;
    long length = syscall(SYS_read, file, said, sizeof said - 1);
    syscall(SYS_close, file);
    return length > 0 && strcmp(said, call) == 0;
}

static int in_store(int descriptor) {
    const char *directory = getenv("SELVEDGE_CHILD_DIRECTORY");
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (!directory || length < 0) return 0;
    path[length] = 0;
    return strncmp(path, directory, strlen(directory)) == 0;
}

static int sync_or_fail(int descriptor, long call) {
    struct stat status;
    int known = descriptor >= 0 && descriptor < DESCRIPTORS && fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    if (in_store(descriptor) && ordered("fdatasync")) {
        if (known) {
            off_t kept = synced_file[descriptor] == status.st_ino ? synced_bytes[descriptor] : 0;
            if (ftruncate(descriptor, kept) != 0) abort();
        }
        errno = EIO;
        return -1;
    }
    int result = syscall(call, descriptor);
    if (result == 0 && known) {
        synced_file[descriptor] = status.st_ino;
        synced_bytes[descriptor] = status.st_size;
    }
    return result;
}

int fdatasync(int descriptor) { return sync_or_fail(descriptor, SYS_fdatasync); }

int fsync(int descriptor) { return sync_or_fail(descriptor, SYS_fsync); }

ssize_t write(int descriptor, const void *bytes, size_t length) {
    if (ordered("write") && in_store(descriptor)) {
        // Half of it arrives: a torn record.
        syscall(SYS_write, descriptor, bytes, length / 2);
        errno = EIO;
        return -1;
    }
    return syscall(SYS_write, descriptor, bytes, length);
}
