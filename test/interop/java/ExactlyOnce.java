import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Copies a topic partition by partition, as a member of a group: what it has read, and the offsets up to which it has, in
 * one transaction. Every fourth one it aborts and does again. Goes on until it is killed, or fenced (exit status 3).
 *
 * <p>ExactlyOnce BOOTSTRAP INPUT OUTPUT TRANSACTIONAL_ID RECORDS_A_TRANSACTION
 */
public class ExactlyOnce {
  public static void main(String[] args) {
    String input = args[1];
    String output = args[2];
    Properties reading = properties(args[0]);
    reading.put("group.id", "of-" + args[3]);
    reading.put("auto.offset.reset", "earliest");
    reading.put("enable.auto.commit", "false");
    reading.put("isolation.level", "read_committed");
    reading.put("max.poll.records", args[4]);
    reading.put("session.timeout.ms", "2000");
    reading.put("heartbeat.interval.ms", "500");
    Properties writing = properties(args[0]);
    writing.put("transactional.id", args[3]);
    writing.put("transaction.timeout.ms", "10000");
    writing.put("batch.size", "100");
    Random random = new Random();
    StringDeserializer deserializer = new StringDeserializer();
    StringSerializer serializer = new StringSerializer();
    KafkaConsumer<String, String> consumer = new KafkaConsumer<>(reading, deserializer, deserializer);
    KafkaProducer<String, String> producer = new KafkaProducer<>(writing, serializer, serializer);
    long copied = 0;
    try {
      producer.initTransactions();
      consumer.subscribe(List.of(input));
      while (true) {
        ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(200));
        if (records.isEmpty()) {
          if (isAtEnd(consumer)) System.out.println("at the end after " + copied);
          continue;
        }
        try {
          producer.beginTransaction();
          Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
          for (ConsumerRecord<String, String> record : records) {
            producer.send(new ProducerRecord<>(output, record.partition(), record.key(), record.value()));
            offsets.put(new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1));
          }
          producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
          if (random.nextInt(4) == 0) {
            abort(producer, consumer);
          } else {
            producer.commitTransaction();
            copied += records.count();
            System.out.println("copied " + copied);
          }
        } catch (ProducerFencedException | InvalidProducerEpochException error) {
          throw error;
        } catch (KafkaException error) {
          System.err.println("aborting: " + error);
          abort(producer, consumer);
        }
      }
    } catch (ProducerFencedException | InvalidProducerEpochException error) {
      System.out.println("fenced");
      Runtime.getRuntime().halt(3);
    } catch (Throwable error) {
      error.printStackTrace();
      Runtime.getRuntime().halt(1);
    }
  }

  private static void abort(KafkaProducer<String, String> producer, KafkaConsumer<String, String> consumer) {
    producer.abortTransaction();
    Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
    for (TopicPartition partition : consumer.assignment()) {
      OffsetAndMetadata offset = committed.get(partition);
      if (offset == null) consumer.seekToBeginning(List.of(partition));
      else consumer.seek(partition, offset.offset());
    }
  }

  private static boolean isAtEnd(KafkaConsumer<String, String> consumer) {
    if (consumer.assignment().isEmpty()) return false;
    Map<TopicPartition, Long> ends = consumer.endOffsets(consumer.assignment());
    return ends.entrySet().stream().allMatch(end -> consumer.position(end.getKey()) >= end.getValue());
  }

  private static Properties properties(String bootstrap) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    return properties;
  }
}
