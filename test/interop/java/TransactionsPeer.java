import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Kafka's own client in transactions of every kind. Each line that it prints says what one of them came to, without ids
 * or times: it is the same with every broker that is right.
 *
 * <p>TransactionsPeer BOOTSTRAP
 */
public class TransactionsPeer {
  private static final TopicPartition FIRST = new TopicPartition("data", 0);
  private static final TopicPartition SECOND = new TopicPartition("data", 1);
  private static String bootstrap;
  private static Admin admin;

  public static void main(String[] args) {
    try {
      bootstrap = args[0];
      all();
      Runtime.getRuntime().halt(0);
    } catch (Throwable error) {
      error.printStackTrace();
      // The threads of clients that were not closed would go on.
      Runtime.getRuntime().halt(1);
    }
  }

  private static void all() throws Exception {
    admin = Admin.create(properties());
    List<NewTopic> topics = new ArrayList<>();
    for (String name : List.of("data", "fenced", "timed", "input", "admin")) topics.add(new NewTopic(name, 2, (short) 1));
    topics.add(new NewTopic("small", 1, (short) 1).configs(Map.of("max.message.bytes", "1000")));
    admin.createTopics(topics).all().get();
    commitAndAbort();
    whatIsOpenHoldsBack();
    manyAtOnce();
    fenced();
    offsets();
    timedOut();
    goesOnAfterAnError();
    refused();
    administration();
  }

  private static void commitAndAbort() throws Exception {
    try (KafkaProducer<String, String> producer = producer("committer")) {
      producer.initTransactions();
      producer.beginTransaction();
      for (int i = 0; i < 5; i++) send(producer, FIRST, "a" + i);
      send(producer, SECOND, "b");
      producer.commitTransaction();
      producer.beginTransaction();
      for (int i = 0; i < 5; i++) send(producer, FIRST, "x" + i);
      producer.flush();
      producer.abortTransaction();
      producer.beginTransaction();
      producer.commitTransaction();
      producer.beginTransaction();
      send(producer, FIRST, "c0");
      send(producer, FIRST, "c1");
      producer.commitTransaction();
      say("committed", read("read_committed", FIRST) + " " + read("read_committed", SECOND));
      say("all", read("read_uncommitted", FIRST));
    }
  }

  private static void whatIsOpenHoldsBack() throws Exception {
    try (KafkaProducer<String, String> producer = producer("holder");
        KafkaProducer<String, String> plain = producer(null)) {
      producer.initTransactions();
      producer.beginTransaction();
      send(producer, SECOND, "open");
      producer.flush();
      plain.send(new ProducerRecord<>(SECOND.topic(), SECOND.partition(), null, "plain")).get();
      say("held back", read("read_committed", SECOND) + " of " + read("read_uncommitted", SECOND));
      producer.commitTransaction();
      say("let go", read("read_committed", SECOND));
    }
  }

  /** More than one transaction in a partition, which end in another order than they began. */
  private static void manyAtOnce() throws Exception {
    TopicPartition partition = new TopicPartition("input", 0);
    List<KafkaProducer<String, String>> producers = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      KafkaProducer<String, String> producer = producer("parallel-" + i);
      producers.add(producer);
      producer.initTransactions();
      producer.beginTransaction();
    }
    for (int round = 0; round < 3; round++) {
      for (int i = 0; i < 4; i++) {
        send(producers.get(i), partition, i + "." + round);
        producers.get(i).flush();
      }
    }
    producers.get(2).commitTransaction();
    say("one of four", read("read_committed", partition));
    producers.get(1).abortTransaction();
    producers.get(0).commitTransaction();
    say("three of four", read("read_committed", partition));
    producers.get(3).abortTransaction();
    say("four of four", read("read_committed", partition));
    for (KafkaProducer<String, String> producer : producers) producer.close();
  }

  private static void fenced() throws Exception {
    TopicPartition partition = new TopicPartition("fenced", 0);
    KafkaProducer<String, String> first = producer("shared");
    KafkaProducer<String, String> second = producer("shared");
    first.initTransactions();
    first.beginTransaction();
    send(first, partition, "lost");
    first.flush();
    second.initTransactions();
    say("fenced commit", failure(() -> commit(first)));
    say("fenced abort", failure(() -> abort(first)));
    second.beginTransaction();
    send(second, partition, "kept");
    second.commitTransaction();
    KafkaProducer<String, String> third = producer("shared");
    third.initTransactions();
    second.beginTransaction();
    say("fenced send", failure(() -> second.send(new ProducerRecord<>("fenced", 0, null, "late")).get()));
    say("after fencing", read("read_committed", partition) + " of " + read("read_uncommitted", partition));
    for (KafkaProducer<String, String> producer : List.of(first, second, third)) producer.close(Duration.ZERO);
  }

  private static void offsets() throws Exception {
    ConsumerGroupMetadata group = new ConsumerGroupMetadata("group");
    try (KafkaProducer<String, String> producer = producer("copier")) {
      producer.initTransactions();
      producer.beginTransaction();
      producer.sendOffsetsToTransaction(Map.of(FIRST, new OffsetAndMetadata(3, "three")), group);
      say("offsets pending", committed("group"));
      producer.commitTransaction();
      say("offsets committed", committed("group"));
      producer.beginTransaction();
      producer.sendOffsetsToTransaction(Map.of(FIRST, new OffsetAndMetadata(7)), group);
      producer.abortTransaction();
      say("offsets aborted", committed("group"));
      producer.beginTransaction();
      ConsumerGroupMetadata nobody = new ConsumerGroupMetadata("group", 5, "nobody", Optional.empty());
      say("offsets of nobody", failure(() -> sendOffsets(producer, nobody)));
      producer.abortTransaction();
      producer.beginTransaction();
      send(producer, SECOND, "after");
      producer.sendOffsetsToTransaction(Map.of(FIRST, new OffsetAndMetadata(9), SECOND, new OffsetAndMetadata(1)), group);
      producer.commitTransaction();
      say("offsets at last", committed("group"));
    }
  }

  private static void timedOut() throws Exception {
    TopicPartition partition = new TopicPartition("timed", 0);
    KafkaProducer<String, String> producer = producer("sleeper", "transaction.timeout.ms", "1000");
    producer.initTransactions();
    producer.beginTransaction();
    send(producer, partition, "late");
    producer.flush();
    becomes("sleeper", TransactionState.COMPLETE_ABORT);
    say("timed out", read("read_committed", partition) + " of " + read("read_uncommitted", partition));
    say("commit after the timeout", failure(() -> commit(producer)));
    producer.close(Duration.ZERO);
    try (KafkaProducer<String, String> next = producer("sleeper")) {
      next.initTransactions();
      next.beginTransaction();
      send(next, partition, "in time");
      next.commitTransaction();
      say("next", read("read_committed", partition));
    }
  }

  /** What the broker refuses ends the transaction; the producer goes on, in an epoch of its own asking. */
  private static void goesOnAfterAnError() throws Exception {
    TopicPartition partition = new TopicPartition("small", 0);
    try (KafkaProducer<String, String> producer = producer("clumsy")) {
      producer.initTransactions();
      for (int round = 0; round < 3; round++) {
        producer.beginTransaction();
        send(producer, partition, "good" + round);
        // Alone in its batch: what is not, the client splits and sends again.
        producer.flush();
        say("too large", failure(() -> producer.send(new ProducerRecord<>("small", 0, null, "x".repeat(5000))).get()));
        // The sending thread tells the caller first, and notes the error then.
        while (failure(() -> begin(producer)).equals("IllegalStateException")) Thread.sleep(5);
        say("commit after an error", failure(() -> commit(producer)));
        producer.abortTransaction();
        producer.beginTransaction();
        send(producer, partition, "better" + round);
        producer.commitTransaction();
        say("epoch", admin.describeTransactions(List.of("clumsy")).description("clumsy").get().producerEpoch());
      }
      say("after errors", read("read_committed", partition));
    }
  }

  private static void refused() throws Exception {
    for (String timeoutMs : List.of("60000", "60001")) {
      try (KafkaProducer<String, String> producer = producer("patient", "transaction.timeout.ms", timeoutMs)) {
        say("timeout of " + timeoutMs + " ms", failure(() -> init(producer)));
      }
    }
    try (KafkaProducer<String, String> producer = producer("lost", "max.block.ms", "2000")) {
      producer.initTransactions();
      producer.beginTransaction();
      say("no topic", failure(() -> producer.send(new ProducerRecord<>("absent", 0, null, "x")).get()));
      producer.abortTransaction();
      producer.beginTransaction();
      producer.commitTransaction();
    }
  }

  private static void administration() throws Exception {
    TopicPartition partition = new TopicPartition("admin", 1);
    KafkaProducer<String, String> producer = producer("administered");
    producer.initTransactions();
    producer.beginTransaction();
    for (int i = 0; i < 3; i++) send(producer, partition, "m" + i);
    producer.flush();
    TransactionDescription open = admin.describeTransactions(List.of("administered")).description("administered").get();
    say("open", open.state() + " " + open.topicPartitions() + " " + open.transactionTimeoutMs() + " ms");
    for (ProducerState state : admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers()) {
      say("producer", "last sequence " + state.lastSequence() + ", from " + state.currentTransactionStartOffset());
    }
    say("in the state", transactions(new ListTransactionsOptions().filterStates(List.of(TransactionState.ONGOING))));
    say("unknown id", failure(() -> admin.describeTransactions(List.of("none")).description("none").get()));
    admin.fenceProducers(List.of("administered")).all().get();
    say("after it was fenced", failure(() -> commit(producer)));
    say("what is left of it", read("read_committed", partition));
    producer.close(Duration.ZERO);
    becomes("administered", TransactionState.EMPTY);
    say("transactions", transactions(new ListTransactionsOptions()));
  }

  private static Map<String, TransactionState> transactions(ListTransactionsOptions options) throws Exception {
    Map<String, TransactionState> states = new TreeMap<>();
    for (TransactionListing listing : admin.listTransactions(options).all().get()) {
      states.put(listing.transactionalId(), listing.state());
    }
    return states;
  }

  private static void becomes(String transactionalId, TransactionState state) throws Exception {
    long deadline = System.nanoTime() + 60_000_000_000L;
    while (admin.describeTransactions(List.of(transactionalId)).description(transactionalId).get().state() != state) {
      if (System.nanoTime() > deadline) throw new IllegalStateException(transactionalId + " does not become " + state);
      Thread.sleep(50);
    }
  }


  private static Object init(KafkaProducer<String, String> producer) {
    producer.initTransactions();
    return null;
  }

  private static Object begin(KafkaProducer<String, String> producer) {
    producer.beginTransaction();
    return null;
  }

  private static Object commit(KafkaProducer<String, String> producer) {
    producer.commitTransaction();
    return null;
  }

  private static Object abort(KafkaProducer<String, String> producer) {
    producer.abortTransaction();
    return null;
  }

  private static Object sendOffsets(KafkaProducer<String, String> producer, ConsumerGroupMetadata group) {
    producer.sendOffsetsToTransaction(Map.of(FIRST, new OffsetAndMetadata(8)), group);
    return null;
  }

  private static String failure(Callable<?> work) {
    try {
      work.call();
      return "done";
    } catch (ExecutionException error) {
      return error.getCause().getClass().getSimpleName();
    } catch (Exception error) {
      return error.getClass().getSimpleName();
    }
  }

  /** What is decided takes effect by and by: returns when it has everywhere. */
  private static void settle() throws Exception {
    List<TransactionState> ending = List.of(TransactionState.PREPARE_COMMIT, TransactionState.PREPARE_ABORT);
    while (!transactions(new ListTransactionsOptions().filterStates(ending)).isEmpty()) Thread.sleep(5);
  }

  private static Map<TopicPartition, String> committed(String group) throws Exception {
    settle();
    Map<TopicPartition, String> offsets = new TreeMap<>((a, b) -> a.toString().compareTo(b.toString()));
    admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().forEach((partition, offset) -> {
      if (offset != null) offsets.put(partition, offset.offset() + "(" + offset.metadata() + ")");
    });
    return offsets;
  }

  /** All that a consumer of this isolation finds, as OFFSET:VALUE. */
  private static List<String> read(String isolation, TopicPartition partition) throws Exception {
    settle();
    List<String> found = new ArrayList<>();
    Properties properties = properties("isolation.level", isolation, "auto.offset.reset", "earliest");
    StringDeserializer deserializer = new StringDeserializer();
    try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties, deserializer, deserializer)) {
      Collection<TopicPartition> partitions = List.of(partition);
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      // Of a consumer that reads what is committed it is the last stable offset.
      long end = consumer.endOffsets(partitions).get(partition);
      while (consumer.position(partition) < end) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
          found.add(record.offset() + ":" + record.value());
        }
      }
      found.add("end " + end);
    }
    return found;
  }

  private static void send(KafkaProducer<String, String> producer, TopicPartition partition, String value) {
    producer.send(new ProducerRecord<>(partition.topic(), partition.partition(), null, value));
  }

  private static KafkaProducer<String, String> producer(String transactionalId, String... more) {
    Properties properties = properties(more);
    if (transactionalId != null) properties.put("transactional.id", transactionalId);
    return new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
  }

  private static Properties properties(String... more) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    for (int i = 0; i < more.length; i += 2) properties.put(more[i], more[i + 1]);
    return properties;
  }

  private static void say(String what, Object result) {
    System.out.println(what + ": " + result);
  }
}
