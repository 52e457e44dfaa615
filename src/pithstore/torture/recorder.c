/* Writes down what a process does to the files below $RECORD_ROOT, in order, into $RECORD_LOG.

   Loaded with LD_PRELOAD.  One lock is held over each call and its entry, so the order is that of the system.
   An entry is a header { kind, file descriptor, a, length } and so many bytes; recording.py reads it.  Writes into
   mapped memory are not seen: LMDB's own go through pwrite unless it is opened with MDB_WRITEMAP, which is never done. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 4096
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

struct __attribute__((packed)) header { uint8_t kind; uint32_t fd; uint64_t a; uint32_t length; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static int log_fd = -1;
static char watched[FILES];

__attribute__((constructor)) static void begin(void)
{
    const char *log = getenv("RECORD_LOG"), *where = getenv("RECORD_ROOT");
    if (!log || !where || !realpath(where, root))
        return;
    root_length = strlen(root);
    log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void put(const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length) {
        long done = syscall(SYS_write, log_fd, at, length);
        if (done <= 0)
            abort();
        at += done;
        length -= (size_t)done;
    }
}

static void enter(char kind, int fd, uint64_t a, const void *bytes, size_t length)
{
    struct header header = { (uint8_t)kind, (uint32_t)fd, a, (uint32_t)length };
    put(&header, sizeof header);
    put(bytes, length);
}

static int is_watched(int fd) { return log_fd >= 0 && fd >= 0 && fd < FILES && watched[fd]; }

static int is_below(const char *path)
{
    return log_fd >= 0 && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

/* The absolute path of a name beside a directory; the name itself is not followed. */
static int absolute(int directory, const char *name, char *path)
{
    char here[PATH_MAX], link[64];
    ssize_t length;
    if (name[0] == '/')
        return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX;
    if (directory == AT_FDCWD)
        return getcwd(here, sizeof here) && snprintf(path, PATH_MAX, "%s/%s", here, name) < PATH_MAX;
    snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    length = readlink(link, here, sizeof here - 1);
    if (length < 0)
        return 0;
    here[length] = 0;
    return snprintf(path, PATH_MAX, "%s/%s", here, name) < PATH_MAX;
}

static void opened(int fd, int flags)
{
    char link[64], path[PATH_MAX];
    ssize_t length;
    if (fd < 0 || fd >= FILES || log_fd < 0)
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    watched[fd] = (char)is_below(path);
    if (watched[fd])
        enter('O', fd, (uint64_t)flags, path, strlen(path));
}

#define OPEN(name, arguments, call)                       \
    int name arguments                                    \
    {                                                     \
        mode_t mode = 0;                                  \
        int fd, saved;                                    \
        if (flags & (O_CREAT | O_TMPFILE)) {              \
            va_list rest;                                 \
            va_start(rest, flags);                        \
            mode = va_arg(rest, mode_t);                  \
            va_end(rest);                                 \
        }                                                 \
        pthread_mutex_lock(&lock);                        \
        fd = call;                                        \
        saved = errno;                                    \
        opened(fd, flags);                                \
        pthread_mutex_unlock(&lock);                      \
        errno = saved;                                    \
        return fd;                                        \
    }

OPEN(open, (const char *path, int flags, ...), NEXT(open)(path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), NEXT(open64)(path, flags, mode))
OPEN(openat, (int at, const char *path, int flags, ...), NEXT(openat)(at, path, flags, mode))
OPEN(openat64, (int at, const char *path, int flags, ...), NEXT(openat64)(at, path, flags, mode))

int close(int fd)
{
    int result;
    pthread_mutex_lock(&lock);
    if (is_watched(fd)) {
        enter('C', fd, 0, "", 0);
        watched[fd] = 0;
    }
    result = NEXT(close)(fd);
    pthread_mutex_unlock(&lock);
    return result;
}

/* The descriptors themselves do not know where they stand when a call names no offset. */
static off_t place(int fd)
{
    return is_watched(fd) ? (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR) : 0;
}

#define WRITE(name, parameters, call, offset, bytes)              \
    ssize_t name parameters                                       \
    {                                                             \
        ssize_t done;                                             \
        off_t at;                                                 \
        int saved;                                                \
        pthread_mutex_lock(&lock);                                \
        at = offset;                                              \
        done = call;                                              \
        saved = errno;                                            \
        if (done > 0 && is_watched(fd))                           \
            enter('W', fd, (uint64_t)at, bytes, (size_t)done);    \
        pthread_mutex_unlock(&lock);                              \
        errno = saved;                                            \
        return done;                                              \
    }

WRITE(write, (int fd, const void *data, size_t size), NEXT(write)(fd, data, size), place(fd), data)
WRITE(pwrite, (int fd, const void *data, size_t size, off_t to), NEXT(pwrite)(fd, data, size, to), to, data)
WRITE(pwrite64, (int fd, const void *data, size_t size, off64_t to), NEXT(pwrite64)(fd, data, size, to), to, data)

static void entered_vector(int fd, off_t at, const struct iovec *vector, int count, ssize_t done)
{
    for (int i = 0; i < count && done > 0; i++) {
        size_t part = vector[i].iov_len < (size_t)done ? vector[i].iov_len : (size_t)done;
        enter('W', fd, (uint64_t)at, vector[i].iov_base, part);
        at += (off_t)part;
        done -= (ssize_t)part;
    }
}

#define WRITE_VECTOR(name, parameters, call, offset)              \
    ssize_t name parameters                                       \
    {                                                             \
        ssize_t done;                                             \
        off_t at;                                                 \
        int saved;                                                \
        pthread_mutex_lock(&lock);                                \
        at = offset;                                              \
        done = call;                                              \
        saved = errno;                                            \
        if (is_watched(fd))                                       \
            entered_vector(fd, at, vector, count, done);          \
        pthread_mutex_unlock(&lock);                              \
        errno = saved;                                            \
        return done;                                              \
    }

WRITE_VECTOR(writev, (int fd, const struct iovec *vector, int count), NEXT(writev)(fd, vector, count), place(fd))
WRITE_VECTOR(pwritev, (int fd, const struct iovec *vector, int count, off_t to), NEXT(pwritev)(fd, vector, count, to), to)
WRITE_VECTOR(pwritev64, (int fd, const struct iovec *vector, int count, off64_t to), NEXT(pwritev64)(fd, vector, count, to), to)

#define ON_FILE(name, parameters, call, kind, value)              \
    int name parameters                                           \
    {                                                             \
        int result, saved;                                        \
        pthread_mutex_lock(&lock);                                \
        result = call;                                            \
        saved = errno;                                            \
        if (!result && is_watched(fd))                            \
            enter(kind, fd, (uint64_t)(value), "", 0);            \
        pthread_mutex_unlock(&lock);                              \
        errno = saved;                                            \
        return result;                                            \
    }

ON_FILE(ftruncate, (int fd, off_t size), NEXT(ftruncate)(fd, size), 'T', size)
ON_FILE(ftruncate64, (int fd, off64_t size), NEXT(ftruncate64)(fd, size), 'T', size)
ON_FILE(fsync, (int fd), NEXT(fsync)(fd), 'S', 0)
ON_FILE(fdatasync, (int fd), NEXT(fdatasync)(fd), 'S', 0)

#define ON_NAME(name, parameters, call, kind, directory, from)    \
    int name parameters                                           \
    {                                                             \
        int result, saved;                                        \
        char path[PATH_MAX];                                      \
        pthread_mutex_lock(&lock);                                \
        result = call;                                            \
        saved = errno;                                            \
        if (!result && absolute(directory, from, path) && is_below(path)) \
            enter(kind, -1, 0, path, strlen(path));               \
        pthread_mutex_unlock(&lock);                              \
        errno = saved;                                            \
        return result;                                            \
    }

ON_NAME(mkdir, (const char *path_, mode_t mode), NEXT(mkdir)(path_, mode), 'M', AT_FDCWD, path_)
ON_NAME(mkdirat, (int at, const char *path_, mode_t mode), NEXT(mkdirat)(at, path_, mode), 'M', at, path_)
ON_NAME(unlink, (const char *path_), NEXT(unlink)(path_), 'U', AT_FDCWD, path_)
ON_NAME(unlinkat, (int at, const char *path_, int flags), NEXT(unlinkat)(at, path_, flags), 'U', at, path_)
ON_NAME(rmdir, (const char *path_), NEXT(rmdir)(path_), 'U', AT_FDCWD, path_)

static void entered_rename(int old_at, const char *old, int new_at, const char *new)
{
    char both[2 * PATH_MAX], to[PATH_MAX];
    if (absolute(old_at, old, both) && absolute(new_at, new, to) && is_below(both) && is_below(to)) {
        size_t first = strlen(both) + 1;
        memcpy(both + first, to, strlen(to));
        enter('R', -1, 0, both, first + strlen(to));
    }
}

#define RENAME(name, parameters, call, old_at, new_at)            \
    int name parameters                                           \
    {                                                             \
        int result, saved;                                        \
        pthread_mutex_lock(&lock);                                \
        result = call;                                            \
        saved = errno;                                            \
        if (!result)                                              \
            entered_rename(old_at, old, new_at, new);             \
        pthread_mutex_unlock(&lock);                              \
        errno = saved;                                            \
        return result;                                            \
    }

RENAME(rename, (const char *old, const char *new), NEXT(rename)(old, new), AT_FDCWD, AT_FDCWD)
RENAME(renameat, (int at, const char *old, int to, const char *new), NEXT(renameat)(at, old, to, new), at, to)
