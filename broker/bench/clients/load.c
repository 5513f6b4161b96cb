// load: many connections that produce small batches to many partitions of one topic, as prebuilt Produce v3 requests.
// The client does next to nothing, so that what is measured is the broker. Prints one line of JSON.
//   load HOST PORT TOPIC PARTITIONS CONNECTIONS REQUESTS RECORDS_PER_BATCH SIZE
//   load echo HOST PORT REQUESTS SIZE       round trips of SIZE bytes to a TCP echo server, one at a time
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { in_flight = 5, limit_seconds = 120 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int dial(const char *host, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, host, &address.sin_addr);
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  if (connect(fd, (struct sockaddr *)&address, sizeof address)) die("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

static uint32_t crc32c(const uint8_t *bytes, size_t length) {
  uint32_t crc = ~0u;
  for (size_t i = 0; i < length; i++) {
    crc ^= bytes[i];
    for (int k = 0; k < 8; k++) crc = crc & 1 ? (crc >> 1) ^ 0x82f63b78u : crc >> 1;
  }
  return ~crc;
}

// A growing message.
static uint8_t out[1 << 22];
static size_t end;
static void be(uint64_t value, int size) {
  for (int i = size - 1; i >= 0; i--) out[end++] = value >> (8 * i);
}
static void put(const void *bytes, size_t length) {
  memcpy(out + end, bytes, length);
  end += length;
}
static void varint(int64_t value) {
  uint64_t zigzag = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
  for (; zigzag >= 128; zigzag >>= 7) out[end++] = zigzag | 128;
  out[end++] = zigzag;
}
static int varint_size(int64_t value) {
  size_t before = end;
  varint(value);
  int size = end - before;
  end = before;
  return size;
}
static void patch32(size_t at, uint32_t value) {
  for (int i = 0; i < 4; i++) out[at + i] = value >> (24 - 8 * i);
}

// A Produce v3 request with one batch for one partition; returns its length, `partition_at` where the partition stands.
static size_t build(const char *topic, int records, int size, size_t *partition_at) {
  end = 0;
  be(0, 4);
  be(0, 2), be(3, 2), be(0, 4), be(4, 2), put("load", 4);
  be(0xffff, 2), be(1, 2), be(30000, 4);
  be(1, 4), be(strlen(topic), 2), put(topic, strlen(topic)), be(1, 4);
  *partition_at = end;
  be(0, 4);
  size_t length_at = end;
  be(0, 4);
  size_t batch = end;
  int64_t time_ms = (int64_t)time(NULL) * 1000;
  be(0, 8), be(0, 4), be(0xffffffff, 4), be(2, 1), be(0, 4);
  size_t crc_from = end;
  be(0, 2), be(records - 1, 4), be(time_ms, 8), be(time_ms, 8), be(-1, 8), be(-1, 2), be(-1, 4), be(records, 4);
  char *value = malloc(size);
  memset(value, 'v', size);
  for (int i = 0; i < records; i++) {
    varint(1 + 1 + varint_size(i) + 1 + varint_size(size) + size + 1);
    be(0, 1), varint(0), varint(i), varint(-1), varint(size), put(value, size), varint(0);
  }
  free(value);
  patch32(batch + 8, end - batch - 12);
  patch32(batch + 17, crc32c(out + crc_from, end - crc_from));
  patch32(length_at, end - batch);
  patch32(0, end - 4);
  return end;
}

struct connection {
  int fd, outstanding;
  size_t sent;          // of the request under way
  uint8_t *request;
  uint8_t answer[4096]; // an answer that has not arrived whole
  size_t have;
};

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static int echo(char **argv) {
  int fd = dial(argv[2], atoi(argv[3]));
  long count = atol(argv[4]), warm = count / 10;
  int size = atoi(argv[5]);
  uint8_t *bytes = calloc(1, size);
  double *times = malloc(sizeof(double) * count);
  for (long i = -warm; i < count; i++) {
    double start = now();
    if (write(fd, bytes, size) != size) die("write");
    for (int got = 0; got < size;) {
      ssize_t n = read(fd, bytes + got, size - got);
      if (n <= 0) die("read");
      got += n;
    }
    if (i >= 0) times[i] = now() - start;
  }
  qsort(times, count, sizeof(double), by_value);
  printf("{\"requests\":%ld,\"p50Micros\":%.1f,\"p99Micros\":%.1f}\n", count, times[count / 2] * 1e6, times[count * 99 / 100] * 1e6);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 6 && !strcmp(argv[1], "echo")) return echo(argv);
  if (argc != 9) {
    fprintf(stderr, "usage: load HOST PORT TOPIC PARTITIONS CONNECTIONS REQUESTS RECORDS_PER_BATCH SIZE | load echo HOST PORT REQUESTS SIZE\n");
    return 2;
  }
  int partitions = atoi(argv[4]), connections = atoi(argv[5]), records = atoi(argv[7]), size = atoi(argv[8]);
  long requests = atol(argv[6]), started = 0, answered = 0, failed = 0;
  size_t partition_at, length = build(argv[3], records, size, &partition_at);
  int poll = epoll_create1(0);
  struct connection *all = calloc(connections, sizeof *all);
  for (int i = 0; i < connections; i++) {
    struct connection *c = &all[i];
    c->fd = dial(argv[1], atoi(argv[2]));
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->request = malloc(length);
    memcpy(c->request, out, length);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &event);
  }
  double start = now();
  while (answered < requests && now() - start < limit_seconds) {
    struct epoll_event events[64];
    int ready = epoll_wait(poll, events, 64, 1000);
    for (int e = 0; e < ready; e++) {
      struct connection *c = events[e].data.ptr;
      for (;;) {
        ssize_t n = read(c->fd, c->answer + c->have, sizeof c->answer - c->have);
        if (n == 0) die("closed by the broker");
        if (n < 0) {
          if (errno == EAGAIN) break;
          die("read");
        }
        c->have += n;
        size_t at = 0;
        while (c->have - at >= 4) {
          uint32_t frame = ntohl(*(uint32_t *)(c->answer + at));
          if (c->have - at < 4 + frame) break;
          // correlation id, one topic, one partition: its error code
          size_t error_at = at + 4 + 4 + 4 + 2 + strlen(argv[3]) + 4 + 4;
          if (c->answer[error_at] || c->answer[error_at + 1]) failed++;
          at += 4 + frame;
          c->outstanding--;
          answered++;
        }
        memmove(c->answer, c->answer + at, c->have -= at);
      }
      while (c->outstanding < in_flight && (c->sent > 0 || started < requests)) {
        if (c->sent == 0) {
          uint32_t partition = htonl(started++ % partitions);
          memcpy(c->request + partition_at, &partition, 4);
        }
        ssize_t n = write(c->fd, c->request + c->sent, length - c->sent);
        if (n < 0) {
          if (errno == EAGAIN) break;
          die("write");
        }
        if ((c->sent += n) == length) c->sent = 0, c->outstanding++;
      }
    }
  }
  double seconds = now() - start;
  printf("{\"requests\":%ld,\"failed\":%ld,\"seconds\":%.6f,\"recordsPerSecond\":%.0f}\n", answered, failed, seconds, answered * (double)records / seconds);
  return answered == requests && failed == 0 ? 0 : 1;
}
