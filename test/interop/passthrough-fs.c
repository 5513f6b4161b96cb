/*
 * A FUSE file system that hands everything on to a directory: passthrough-fs DIRECTORY MOUNTPOINT -f. When this process is
 * stopped, every call to a file below the mountpoint waits until it goes on, as with an NFS server that does not answer.
 * After SIGUSR1 it is read-only, also for files that are open, as a disk is whose file system has found an error; after
 * SIGUSR2 it is not any more.
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static char root[PATH_MAX];
static volatile sig_atomic_t read_only;

static void change(int signal) {
  read_only = signal == SIGUSR1;
}

#define REAL(real, path) \
  char real[2 * PATH_MAX]; \
  snprintf(real, sizeof real, "%s%s", root, path)
#define RESULT(call) return (call) == -1 ? -errno : 0
#define CHANGES \
  if (read_only) return -EROFS

static int fs_getattr(const char *path, struct stat *found, struct fuse_file_info *info) {
  if (info != NULL) RESULT(fstat((int)info->fh, found));
  REAL(real, path);
  RESULT(lstat(real, found));
}

static int fs_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *info,
                      enum fuse_readdir_flags flags) {
  (void)offset, (void)info, (void)flags;
  REAL(real, path);
  DIR *directory = opendir(real);
  if (directory == NULL) return -errno;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) fill(buffer, entry->d_name, NULL, 0, 0);
  closedir(directory);
  return 0;
}

static int fs_mkdir(const char *path, mode_t mode) {
  CHANGES;
  REAL(real, path);
  RESULT(mkdir(real, mode));
}

static int fs_unlink(const char *path) {
  CHANGES;
  REAL(real, path);
  RESULT(unlink(real));
}

static int fs_rmdir(const char *path) {
  CHANGES;
  REAL(real, path);
  RESULT(rmdir(real));
}

static int fs_rename(const char *from, const char *to, unsigned int flags) {
  CHANGES;
  REAL(real_from, from);
  REAL(real_to, to);
  RESULT(renameat2(AT_FDCWD, real_from, AT_FDCWD, real_to, flags));
}

static int fs_truncate(const char *path, off_t size, struct fuse_file_info *info) {
  CHANGES;
  if (info != NULL) RESULT(ftruncate((int)info->fh, size));
  REAL(real, path);
  RESULT(truncate(real, size));
}

static int fs_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *info) {
  CHANGES;
  if (info != NULL) RESULT(futimens((int)info->fh, times));
  REAL(real, path);
  RESULT(utimensat(AT_FDCWD, real, times, AT_SYMLINK_NOFOLLOW));
}

static int fs_chmod(const char *path, mode_t mode, struct fuse_file_info *info) {
  CHANGES;
  (void)info;
  REAL(real, path);
  RESULT(chmod(real, mode));
}

static int opened(const char *path, int flags, mode_t mode, struct fuse_file_info *info) {
  REAL(real, path);
  int file = open(real, flags, mode);
  if (file == -1) return -errno;
  info->fh = (uint64_t)file;
  return 0;
}

static int fs_create(const char *path, mode_t mode, struct fuse_file_info *info) {
  CHANGES;
  return opened(path, info->flags, mode, info);
}

static int fs_open(const char *path, struct fuse_file_info *info) {
  if (read_only && (info->flags & O_ACCMODE) != O_RDONLY) return -EROFS;
  return opened(path, info->flags, 0, info);
}

static int fs_read(const char *path, char *buffer, size_t size, off_t offset, struct fuse_file_info *info) {
  (void)path;
  ssize_t count = pread((int)info->fh, buffer, size, offset);
  return count == -1 ? -errno : (int)count;
}

static int fs_write(const char *path, const char *buffer, size_t size, off_t offset, struct fuse_file_info *info) {
  CHANGES;
  (void)path;
  ssize_t count = pwrite((int)info->fh, buffer, size, offset);
  return count == -1 ? -errno : (int)count;
}

static int fs_release(const char *path, struct fuse_file_info *info) {
  (void)path;
  RESULT(close((int)info->fh));
}

static int fs_fsync(const char *path, int datasync, struct fuse_file_info *info) {
  (void)path;
  RESULT(datasync ? fdatasync((int)info->fh) : fsync((int)info->fh));
}

static int fs_fsyncdir(const char *path, int datasync, struct fuse_file_info *info) {
  (void)path, (void)datasync, (void)info;
  return 0;
}

static int fs_statfs(const char *path, struct statvfs *found) {
  REAL(real, path);
  RESULT(statvfs(real, found));
}

static const struct fuse_operations operations = {
  .getattr = fs_getattr,
  .readdir = fs_readdir,
  .mkdir = fs_mkdir,
  .unlink = fs_unlink,
  .rmdir = fs_rmdir,
  .rename = fs_rename,
  .truncate = fs_truncate,
  .utimens = fs_utimens,
  .chmod = fs_chmod,
  .create = fs_create,
  .open = fs_open,
  .read = fs_read,
  .write = fs_write,
  .release = fs_release,
  .fsync = fs_fsync,
  .fsyncdir = fs_fsyncdir,
  .statfs = fs_statfs,
};

int main(int count, char *arguments[]) {
  if (count < 3 || realpath(arguments[1], root) == NULL) {
    fprintf(stderr, "usage: passthrough-fs DIRECTORY MOUNTPOINT [FUSE options]\n");
    return 2;
  }
  signal(SIGUSR1, change);
  signal(SIGUSR2, change);
  arguments[1] = arguments[0];
  return fuse_main(count - 1, arguments + 1, &operations, NULL);
}
