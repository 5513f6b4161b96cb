import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import kafka.log.UnifiedLog;
import kafka.server.BrokerTopicStats;
import kafka.server.RequestLocal;
import org.apache.kafka.common.record.FileRecords;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.server.common.MetadataVersion;
import org.apache.kafka.server.util.KafkaScheduler;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.FetchDataInfo;
import org.apache.kafka.storage.internals.log.FetchIsolation;
import org.apache.kafka.storage.internals.log.LogConfig;
import org.apache.kafka.storage.internals.log.LogDirFailureChannel;
import org.apache.kafka.storage.internals.log.LogOffsetsListener;
import org.apache.kafka.storage.internals.log.ProducerStateManagerConfig;
import org.apache.kafka.storage.internals.log.VerificationGuard;

/**
 * Apache Kafka's log without its broker: one partition, driven as ReplicaManager does. A line on standard input is a
 * task, and a line on standard output says how long it took, in nanoseconds.
 *
 *   append DIRECTORY FILE COUNT   a new log: the batch in FILE so many times, each as a producer has sent it
 *   read DIRECTORY CHUNK          all of it, CHUNK bytes a fetch, into memory
 */
public class UnifiedLogBench {
  private static final RequestLocal local = RequestLocal.withThreadConfinedCaching();

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    KafkaScheduler scheduler = new KafkaScheduler(2);
    scheduler.startup();
    for (String line; (line = in.readLine()) != null; ) {
      String[] words = line.split(" ");
      UnifiedLog log = open(new File(words[1], "bench-0"), scheduler);
      long nanos =
          words[0].equals("append")
              ? append(log, Files.readAllBytes(Path.of(words[2])), Integer.parseInt(words[3]))
              : read(log, Integer.parseInt(words[2]));
      log.close();
      System.out.println(nanos);
    }
    scheduler.shutdown();
  }

  private static UnifiedLog open(File directory, KafkaScheduler scheduler) throws Exception {
    Files.createDirectories(directory.toPath());
    LogConfig config = new LogConfig(Map.of("segment.bytes", Integer.MAX_VALUE, "retention.ms", -1L));
    return UnifiedLog.apply(
        directory,
        config,
        0L,
        0L,
        scheduler,
        new BrokerTopicStats(false),
        Time.SYSTEM,
        900_000,
        new ProducerStateManagerConfig(86_400_000, false),
        600_000,
        new LogDirFailureChannel(1),
        true,
        scala.Option.empty(),
        true,
        new ConcurrentHashMap<>(),
        false,
        LogOffsetsListener.NO_OP_OFFSETS_LISTENER);
  }

  private static long append(UnifiedLog log, byte[] batch, int count) {
    ByteBuffer bytes = ByteBuffer.wrap(batch);
    long began = System.nanoTime();
    for (int i = 0; i < count; i++) {
      bytes.clear();
      bytes.putLong(0, 0);
      log.appendAsLeader(
          MemoryRecords.readableRecords(bytes),
          0,
          AppendOrigin.CLIENT,
          MetadataVersion.latestProduction(),
          local,
          VerificationGuard.SENTINEL);
    }
    return System.nanoTime() - began;
  }

  private static long read(UnifiedLog log, int chunk) throws Exception {
    ByteBuffer target = ByteBuffer.allocateDirect(chunk);
    long records = log.logEndOffset();
    long size = log.size();
    long began = System.nanoTime();
    long done = 0;
    for (long offset = 0; offset < records; ) {
      FetchDataInfo fetched = log.read(offset, chunk, FetchIsolation.LOG_END, true);
      target.clear();
      ((FileRecords) fetched.records).readInto(target, 0);
      done += target.limit();
      // Every batch has the same size and as many records.
      long whole = target.limit() - target.limit() % batchSize(target);
      offset += whole / batchSize(target) * recordsABatch(target);
    }
    long nanos = System.nanoTime() - began;
    if (done < size) throw new IllegalStateException(done + " bytes were read of " + size);
    return nanos;
  }

  private static int batchSize(ByteBuffer batch) {
    return 12 + batch.getInt(8);
  }

  private static int recordsABatch(ByteBuffer batch) {
    return batch.getInt(23) + 1;
  }
}
