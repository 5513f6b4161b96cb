// rdkafka: the load of the benchmarks, one librdkafka client. Prints one line of JSON.
//   rdkafka produce BROKERS TOPIC RECORDS SIZE ACKS RECORDS_PER_BATCH   fire and count the acknowledgements
//   rdkafka consume BROKERS TOPIC RECORDS                               reads partition 0 from the beginning
//   rdkafka latency BROKERS TOPIC RECORDS SIZE ACKS                     one record at a time, to its acknowledgement
//   rdkafka transactions BROKERS TOPIC ID TRANSACTIONS RECORDS SIZE     so many records in each, one after the other
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long acknowledged, refused;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
  (void)rk, (void)opaque;
  if (message->err) refused++;
  else acknowledged++;
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value) {
  char error[512];
  if (rd_kafka_conf_set(conf, key, value, error, sizeof error) != RD_KAFKA_CONF_OK) {
    fprintf(stderr, "%s\n", error);
    exit(2);
  }
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
  char error[512];
  rd_kafka_t *rk = rd_kafka_new(type, conf, error, sizeof error);
  if (!rk) {
    fprintf(stderr, "%s\n", error);
    exit(2);
  }
  return rk;
}

// Time allowed for a whole run, seconds: a broker that stopped answering ends the run, not the machine.
static const double limit = 300;

static int produce(const char *brokers, const char *topic, long records, int size, const char *acks, const char *per_batch) {
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", brokers);
  set(conf, "acks", acks);
  set(conf, "batch.num.messages", per_batch);
  set(conf, "batch.size", "1000000");
  set(conf, "linger.ms", atol(per_batch) >= 1000 ? "50" : "5");
  set(conf, "queue.buffering.max.messages", "1000000");
  set(conf, "queue.buffering.max.kbytes", "524288");
  rd_kafka_conf_set_dr_msg_cb(conf, delivered);
  rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, conf);
  rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
  char *payload = malloc(size);
  for (int i = 0; i < size; i++) payload[i] = 'a' + (i * 7 + i / 26) % 26;
  // The first record alone: connections and metadata are not what is measured.
  double start = now();
  if (rd_kafka_produce(handle, 0, 0, payload, size, NULL, 0, NULL) == -1) return 1;
  while (acknowledged + refused < 1 && now() - start < limit) rd_kafka_poll(rk, 100);
  if (acknowledged != 1) return 1;
  acknowledged = 0;
  start = now();
  for (long i = 0; i < records; i++) {
    while (rd_kafka_produce(handle, 0, 0, payload, size, NULL, 0, NULL) == -1) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL || now() - start > limit) {
        fprintf(stderr, "%s\n", rd_kafka_err2str(rd_kafka_last_error()));
        return 1;
      }
      rd_kafka_poll(rk, 5);
    }
    if ((i & 1023) == 0) rd_kafka_poll(rk, 0);
  }
  while (acknowledged + refused < records && now() - start < limit) rd_kafka_poll(rk, 100);
  double seconds = now() - start;
  printf("{\"records\":%ld,\"refused\":%ld,\"seconds\":%.6f,\"recordsPerSecond\":%.0f,\"bytesPerSecond\":%.0f}\n", acknowledged,
         refused, seconds, acknowledged / seconds, acknowledged * (double)size / seconds);
  return acknowledged == records ? 0 : 1;
}

static int consume(const char *brokers, const char *topic, long records) {
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", brokers);
  set(conf, "fetch.message.max.bytes", "10485760");
  set(conf, "queued.max.messages.kbytes", "262144");
  set(conf, "queued.min.messages", "1000000");
  set(conf, "check.crcs", "false");
  rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, conf);
  rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
  double start = now();
  if (rd_kafka_consume_start(handle, 0, RD_KAFKA_OFFSET_BEGINNING) == -1) return 1;
  rd_kafka_message_t *messages[10000];
  long count = 0;
  double bytes = 0;
  bool began = false;
  while (count < records && now() - start < limit) {
    ssize_t got = rd_kafka_consume_batch(handle, 0, 1000, messages, 10000);
    // The time runs from the first records on; they do not count.
    if (!began && got > 0) {
      began = true;
      records -= got;
      for (ssize_t i = 0; i < got; i++) rd_kafka_message_destroy(messages[i]);
      start = now();
      continue;
    }
    for (ssize_t i = 0; i < got; i++) {
      if (!messages[i]->err) count++, bytes += messages[i]->len;
      rd_kafka_message_destroy(messages[i]);
    }
  }
  double seconds = now() - start;
  rd_kafka_consume_stop(handle, 0);
  printf("{\"records\":%ld,\"seconds\":%.6f,\"recordsPerSecond\":%.0f,\"bytesPerSecond\":%.0f}\n", count, seconds, count / seconds,
         bytes / seconds);
  return count >= records ? 0 : 1;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static int latency(const char *brokers, const char *topic, long records, int size, const char *acks) {
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", brokers);
  set(conf, "acks", acks);
  set(conf, "linger.ms", "0");
  set(conf, "socket.nagle.disable", "true");
  rd_kafka_conf_set_dr_msg_cb(conf, delivered);
  rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, conf);
  rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
  char *payload = calloc(1, size);
  double *times = malloc(sizeof(double) * records);
  long warm = records / 10;
  double start = now();
  for (long i = -warm; i < records; i++) {
    long before = acknowledged;
    double sent = now();
    if (rd_kafka_produce(handle, 0, 0, payload, size, NULL, 0, NULL) == -1) return 1;
    while (acknowledged == before && refused == 0 && now() - start < limit) rd_kafka_poll(rk, 100);
    if (acknowledged == before) return 1;
    if (i >= 0) times[i] = now() - sent;
  }
  qsort(times, records, sizeof(double), by_value);
  printf("{\"records\":%ld,\"p50Micros\":%.1f,\"p99Micros\":%.1f,\"p999Micros\":%.1f}\n", records, times[records / 2] * 1e6,
         times[records * 99 / 100] * 1e6, times[records * 999 / 1000] * 1e6);
  return 0;
}

static void check(rd_kafka_error_t *error) {
  if (!error) return;
  fprintf(stderr, "%s\n", rd_kafka_error_string(error));
  exit(1);
}

static int transactions(const char *brokers, const char *topic, const char *id, long count, int records, int size) {
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", brokers);
  set(conf, "transactional.id", id);
  set(conf, "linger.ms", "0");
  rd_kafka_conf_set_dr_msg_cb(conf, delivered);
  rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, conf);
  char *payload = calloc(1, size);
  double *times = malloc(sizeof(double) * count);
  long warm = count / 10 + 1;
  double start = 0;
  check(rd_kafka_init_transactions(rk, 60000));
  rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
  for (long i = -warm; i < count; i++) {
    double began = now();
    if (i == 0) start = began;
    check(rd_kafka_begin_transaction(rk));
    for (int j = 0; j < records; j++) {
      if (rd_kafka_produce(handle, 0, RD_KAFKA_MSG_F_COPY, payload, size, NULL, 0, NULL) == -1) return 1;
    }
    check(rd_kafka_commit_transaction(rk, 60000));
    if (i >= 0) times[i] = now() - began;
  }
  double seconds = now() - start;
  qsort(times, count, sizeof(double), by_value);
  printf("{\"transactions\":%ld,\"refused\":%ld,\"seconds\":%.6f,\"transactionsPerSecond\":%.1f,\"p50Micros\":%.1f,"
         "\"p99Micros\":%.1f}\n",
         count, refused, seconds, count / seconds, times[count / 2] * 1e6, times[count * 99 / 100] * 1e6);
  return refused ? 1 : 0;
}

int main(int argc, char **argv) {
  if (argc == 8 && !strcmp(argv[1], "produce")) return produce(argv[2], argv[3], atol(argv[4]), atoi(argv[5]), argv[6], argv[7]);
  if (argc == 5 && !strcmp(argv[1], "consume")) return consume(argv[2], argv[3], atol(argv[4]));
  if (argc == 7 && !strcmp(argv[1], "latency")) return latency(argv[2], argv[3], atol(argv[4]), atoi(argv[5]), argv[6]);
  if (argc == 8 && !strcmp(argv[1], "transactions")) {
    return transactions(argv[2], argv[3], argv[4], atol(argv[5]), atoi(argv[6]), atoi(argv[7]));
  }
  fprintf(stderr, "usage: rdkafka produce BROKERS TOPIC RECORDS SIZE ACKS RECORDS_PER_BATCH | consume BROKERS TOPIC RECORDS | "
                  "latency BROKERS TOPIC RECORDS SIZE ACKS | transactions BROKERS TOPIC ID TRANSACTIONS RECORDS SIZE\n");
  return 2;
}
