import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Kafka's own clients, which live on while the broker that they talk to is another one each time.
 *
 * <p>ExchangePeer BOOTSTRAP: each line of standard input is a command with its arguments, separated by tabs. The answer is
 * any number of lines and then "ok", or "error" and why. A record is a line of topic, partition, offset, timestamp, key,
 * value, headers (NAME=VALUE with commas); "-" is null.
 */
public class ExchangePeer {
  private static String bootstrap;
  private static PrintStream out;
  private static final Map<String, KafkaProducer<String, String>> PRODUCERS = new HashMap<>();
  private static final Map<String, Flow> FLOWS = new HashMap<>();
  private static final Map<String, Member> MEMBERS = new HashMap<>();

  public static void main(String[] args) throws Exception {
    bootstrap = args[0];
    out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = commands.readLine()) != null; ) {
      try {
        run(line.split("\t", -1));
        out.println("ok");
      } catch (Exception error) {
        Throwable cause = error.getCause() == null ? error : error.getCause();
        out.println("error " + line + ": " + cause);
        error.printStackTrace();
      }
      out.flush();
    }
    Runtime.getRuntime().halt(0);
  }

  private static void run(String[] command) throws Exception {
    switch (command[0]) {
      case "producer" -> producer(command);
      case "send" -> send(command);
      case "begin" -> PRODUCERS.get(command[1]).beginTransaction();
      case "commit" -> PRODUCERS.get(command[1]).commitTransaction();
      case "abort" -> PRODUCERS.get(command[1]).abortTransaction();
      case "offset" -> offset(command);
      case "flow" -> {
        Flow flow = new Flow(PRODUCERS.get(command[1]), command[1], command[2], Integer.parseInt(command[3]), command[4].equals("transactions"));
        FLOWS.put(command[1], flow);
        flow.thread.start();
      }
      case "halt" -> FLOWS.remove(command[1]).halt();
      case "join" -> MEMBERS.put(command[1], new Member(command[1], command[2]));
      case "poll" -> MEMBERS.get(command[1]).poll();
      case "read" -> read(command);
      default -> throw new IllegalArgumentException(command[0]);
    }
  }

  /** producer NAME KEY=VALUE...; with a transactional.id it is initialised. */
  private static void producer(String[] command) {
    Properties properties = properties("linger.ms=5", "delivery.timeout.ms=180000", "max.block.ms=120000",
        "request.timeout.ms=20000", "reconnect.backoff.max.ms=200", "retry.backoff.max.ms=200");
    for (String pair : Arrays.asList(command).subList(2, command.length)) put(properties, pair);
    StringSerializer serializer = new StringSerializer();
    KafkaProducer<String, String> producer = new KafkaProducer<>(properties, serializer, serializer);
    PRODUCERS.put(command[1], producer);
    if (properties.containsKey("transactional.id")) producer.initTransactions();
  }

  /** send NAME TOPIC PARTITION COUNT TAG KEYS TOMBSTONES TIMESTAMP: answers with the records as they were acknowledged. */
  private static void send(String[] command) throws Exception {
    KafkaProducer<String, String> producer = PRODUCERS.get(command[1]);
    int partition = Integer.parseInt(command[3]);
    int count = Integer.parseInt(command[4]);
    int keys = Integer.parseInt(command[6]);
    int tombstones = Integer.parseInt(command[7]);
    long timestamp = Long.parseLong(command[8]);
    List<Sent> sent = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      String key = keys == 0 ? null : "key" + (i * 7 % keys);
      boolean isTombstone = tombstones > 0 && i % tombstones == tombstones - 1;
      String value = isTombstone ? null : command[5] + " " + i + " " + filler(command[5], i);
      ProducerRecord<String, String> record = new ProducerRecord<>(command[2], partition, timestamp + i * 13 % 50, key, value);
      if (i % 3 == 1) record.headers().add("number", Integer.toString(i).getBytes(StandardCharsets.UTF_8));
      if (i % 9 == 1) record.headers().add("none", null);
      sent.add(new Sent(record, producer.send(record), false));
      // More than one batch.
      if (i % 25 == 24) producer.flush();
    }
    producer.flush();
    for (Sent each : sent) each.print();
  }

  /** What no codec makes much smaller. */
  private static String filler(String tag, int i) {
    return new Random(tag.hashCode() * 31 + i).ints(i * 37 % 150, '0', 'z').collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
  }

  /** offset NAME GROUP TOPIC PARTITION OFFSET, in the transaction. */
  private static void offset(String[] command) {
    TopicPartition partition = new TopicPartition(command[3], Integer.parseInt(command[4]));
    OffsetAndMetadata offset = new OffsetAndMetadata(Long.parseLong(command[5]), "in a transaction");
    PRODUCERS.get(command[1]).sendOffsetsToTransaction(Map.of(partition, offset), new ConsumerGroupMetadata(command[2]));
  }

  /**
   * With ownTime the record's timestamp is shown, and not the answer's: of a batch that was sent twice the answer has the
   * batch's latest.
   */
  private record Sent(ProducerRecord<String, String> record, Future<RecordMetadata> answer, boolean ownTime) {
    void print() throws Exception {
      RecordMetadata at = answer.get(180, TimeUnit.SECONDS);
      long timestamp = ownTime ? record.timestamp() : at.timestamp();
      line(at.topic(), at.partition(), at.offset(), timestamp, record.key(), record.value(), record.headers());
    }
  }

  private static void line(String topic, int partition, long offset, long timestamp, String key, String value, Headers headers) {
    StringBuilder names = new StringBuilder();
    for (Header header : headers) {
      if (names.length() > 0) names.append(',');
      byte[] bytes = header.value();
      names.append(header.key()).append('=').append(bytes == null ? "-" : new String(bytes, StandardCharsets.UTF_8));
    }
    out.println(topic + "\t" + partition + "\t" + offset + "\t" + timestamp + "\t" + orNone(key) + "\t" + orNone(value) + "\t" + names);
  }

  private static String orNone(String text) {
    return text == null ? "-" : text;
  }

  /**
   * Writes until it is told to halt, whatever becomes of the broker. With transactions, each one has 6 records, and every
   * fourth is aborted. What it prints at the end: a line "committed", "aborted" or "sent", and its records.
   */
  private static final class Flow {
    final Thread thread = new Thread(this::write);
    private final KafkaProducer<String, String> producer;
    private final String name;
    private final String topic;
    private final int partitions;
    private final boolean transactions;
    private final Map<Integer, List<Sent>> sent = new HashMap<>();
    private final List<String> outcomes = new ArrayList<>();
    private volatile boolean halted;
    private Exception failure;

    Flow(KafkaProducer<String, String> producer, String name, String topic, int partitions, boolean transactions) {
      this.producer = producer;
      this.name = name;
      this.topic = topic;
      this.partitions = partitions;
      this.transactions = transactions;
    }

    private void write() {
      try {
        for (int round = 0; !halted; round++) {
          List<Sent> records = new ArrayList<>();
          sent.put(round, records);
          if (transactions) producer.beginTransaction();
          for (int i = 0; i < 6; i++) {
            String value = name + " " + System.nanoTime() + " " + "y".repeat(i * 20);
            long timestamp = System.currentTimeMillis();
            ProducerRecord<String, String> record = new ProducerRecord<>(topic, (round + i) % partitions, timestamp, "key" + i, value);
            records.add(new Sent(record, producer.send(record), true));
          }
          if (!transactions) outcomes.add("sent");
          else if (round % 4 == 3) {
            producer.flush();
            producer.abortTransaction();
            outcomes.add("aborted");
          } else {
            producer.commitTransaction();
            outcomes.add("committed");
          }
          Thread.sleep(20);
        }
        producer.flush();
      } catch (Exception error) {
        failure = error;
      }
    }

    void halt() throws Exception {
      halted = true;
      thread.join();
      if (failure != null) throw failure;
      for (int round = 0; round < outcomes.size(); round++) {
        out.println(outcomes.get(round));
        for (Sent each : sent.get(round)) each.print();
      }
    }
  }

  /** A member of a group. It heartbeats all the time, and reads when it is told to. */
  private static final class Member {
    private final KafkaConsumer<String, String> consumer;
    private int assigned;

    /** Returns when it is in the group and has its partitions. */
    Member(String group, String topic) {
      StringDeserializer deserializer = new StringDeserializer();
      Properties properties = properties("group.id=" + group, "auto.offset.reset=earliest", "enable.auto.commit=false",
          "session.timeout.ms=60000", "max.poll.interval.ms=3600000", "heartbeat.interval.ms=500", "reconnect.backoff.max.ms=200");
      consumer = new KafkaConsumer<>(properties, deserializer, deserializer);
      consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {}

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
          assigned++;
        }
      });
      while (assigned == 0) consumer.poll(Duration.ofMillis(100));
      consumer.seekToBeginning(consumer.assignment());
    }

    /** Reads all that there is and commits; tells member, generation, rebalances so far, and the records. */
    void poll() {
      Map<TopicPartition, Long> ends = consumer.endOffsets(consumer.assignment());
      List<ConsumerRecord<String, String>> records = new ArrayList<>();
      while (!isAt(consumer, ends)) for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) records.add(record);
      consumer.commitSync(Duration.ofSeconds(60));
      ConsumerGroupMetadata group = consumer.groupMetadata();
      out.println(group.memberId() + "\t" + group.generationId() + "\t" + assigned);
      for (ConsumerRecord<String, String> record : records) print(record);
    }
  }

  /** read ISOLATION TOPIC...: everything. */
  private static void read(String[] command) {
    StringDeserializer deserializer = new StringDeserializer();
    Properties properties = properties("isolation.level=" + command[1], "fetch.max.wait.ms=10", "max.poll.records=5000");
    try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties, deserializer, deserializer)) {
      List<TopicPartition> partitions = new ArrayList<>();
      for (String topic : Arrays.asList(command).subList(2, command.length)) {
        consumer.partitionsFor(topic).forEach(found -> partitions.add(new TopicPartition(topic, found.partition())));
      }
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (!isAt(consumer, ends)) for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) print(record);
    }
  }

  private static void print(ConsumerRecord<String, String> record) {
    line(record.topic(), record.partition(), record.offset(), record.timestamp(), record.key(), record.value(), record.headers());
  }

  private static boolean isAt(KafkaConsumer<String, String> consumer, Map<TopicPartition, Long> ends) {
    return ends.entrySet().stream().allMatch(end -> consumer.position(end.getKey()) >= end.getValue());
  }

  private static Properties properties(String... pairs) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    for (String pair : pairs) put(properties, pair);
    return properties;
  }

  private static void put(Properties properties, String pair) {
    int at = pair.indexOf('=');
    properties.put(pair.substring(0, at), pair.substring(at + 1));
  }
}
