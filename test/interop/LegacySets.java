import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.TimestampType;

/**
 * Prints the message sets of test/broker/records/legacy-sets.json: the same four records in formats 0 and 1, with every
 * codec and timestamp type there is.  java -cp 'LIB/3.9/*' LegacySets.java
 */
public class LegacySets {
  public static void main(String[] args) {
    List<String> sets = new ArrayList<>();
    for (byte magic = 0; magic <= 1; magic++) {
      for (CompressionType codec : CompressionType.values()) {
        if (codec == CompressionType.ZSTD) continue;
        for (TimestampType type : List.of(TimestampType.CREATE_TIME, TimestampType.LOG_APPEND_TIME)) {
          if (magic == 0 && type == TimestampType.LOG_APPEND_TIME) continue;
          sets.add(String.format("  { \"magic\": %d, \"codec\": \"%s\", \"timestampType\": \"%s\", \"bytes\": \"%s\" }",
              magic, codec.name, type, Base64.getEncoder().encodeToString(build(magic, codec, type))));
        }
      }
    }
    System.out.println("[\n" + String.join(",\n", sets) + "\n]");
  }

  static byte[] build(byte magic, CompressionType codec, TimestampType type) {
    MemoryRecordsBuilder builder = MemoryRecords.builder(
        ByteBuffer.allocate(8192), magic, Compression.of(codec).build(), type, 40L, 1700000009999L);
    builder.appendWithOffset(40, 1700000000000L, "key".getBytes(), "a value".getBytes());
    builder.appendWithOffset(41, 1700000000005L, (byte[]) null, "no key".getBytes());
    builder.appendWithOffset(43, 1700000000003L, "no value".getBytes(), (byte[]) null);
    builder.appendWithOffset(44, 1700000000004L, new byte[0],
        "again and again and again and again and again and again".getBytes());
    ByteBuffer buffer = builder.build().buffer().duplicate();
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return bytes;
  }
}
